import { isLocale, type Locale, useMessages } from "./i18n/locale.ts";
import { hashOf, type Route } from "./route.ts";
import { useService } from "./service.ts";

interface HeaderProps {
  readonly route: Route;
  readonly onLocale: (locale: Locale) => void;
}

const VIEWS = ["sync", "watch", "batch"] as const;

/** Each language by its own name. */
const LANGUAGE_NAMES: Record<Locale, string> = { en: "English", zh: "中文" };

export function Header({ route, onLocale }: HeaderProps) {
  const messages = useMessages();
  const { hasToken, signOut } = useService();
  return (
    <header class="top">
      <a class="brand" href="#/">{messages.title}</a>
      <nav aria-label={messages.nav.label}>
        {VIEWS.map((view) => (
          <a
            key={view}
            href={hashOf(view === "batch" ? { view } : { view, refundRef: undefined })}
            aria-current={route.view === view ? "page" : undefined}
          >
            {messages.nav[view]}
          </a>
        ))}
      </nav>
      <div class="session">
        {hasToken && <button type="button" class="small" onClick={signOut}>{messages.token.forget}</button>}
        <select
          aria-label={messages.language}
          value={messages.locale}
          onChange={({ currentTarget }) => isLocale(currentTarget.value) && onLocale(currentTarget.value)}
        >
          {Object.entries(LANGUAGE_NAMES).map(([locale, name]) => (
            <option key={locale} value={locale} lang={locale}>{name}</option>
          ))}
        </select>
      </div>
    </header>
  );
}
