import { hashOf, type Route } from "./route.ts";
import { useService } from "./service.ts";
import { isTag, type Tag, useWords } from "./words/choose.ts";

interface HeaderProps {
  readonly route: Route;
  readonly onLanguage: (tag: Tag) => void;
}

const VIEWS = ["sync", "watch", "batch"] as const;

/** Each language by its own name. */
const NAMES: Record<Tag, string> = { en: "English", zh: "中文" };

export function Header({ route, onLanguage }: HeaderProps) {
  const words = useWords();
  const { hasToken, forget } = useService();
  return (
    <header class="top">
      <a class="brand" href="#/">{words.title}</a>
      <nav aria-label={words.nav.label}>
        {VIEWS.map((view) => (
          <a
            key={view}
            href={hashOf(view === "batch" ? { view } : { view, named: undefined })}
            aria-current={route.view === view ? "page" : undefined}
          >
            {words.nav[view]}
          </a>
        ))}
      </nav>
      <div class="session">
        {hasToken && <button type="button" class="small" onClick={forget}>{words.token.forget}</button>}
        <select
          aria-label={words.language}
          value={words.tag}
          onChange={({ currentTarget }) => isTag(currentTarget.value) && onLanguage(currentTarget.value)}
        >
          {Object.entries(NAMES).map(([tag, name]) => <option key={tag} value={tag} lang={tag}>{name}</option>)}
        </select>
      </div>
    </header>
  );
}
