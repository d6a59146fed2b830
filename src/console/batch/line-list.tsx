import { useState } from "preact/hooks";
import { UntrustedText } from "../facts.tsx";
import { useMessages } from "../i18n/locale.ts";
import type { Skipped } from "./list.ts";
import type { SkipReason } from "./selection.ts";

/** Number of lines shown at first, and added by each press of the button. */
const PAGE_SIZE = 20;
/** Maximum number of characters shown of a line. */
const MAX_LENGTH = 80;

/** Lines of a list, each with the reason why it is not synced. */
export function LineList({ lines }: { lines: readonly Skipped<SkipReason>[] }) {
  const { batch, doubt, languageTag } = useMessages();
  const [shown, setShown] = useState(PAGE_SIZE);
  const { format } = new Intl.NumberFormat(languageTag);
  const reasons: Readonly<Record<SkipReason, string>> = { ...doubt, ...batch.reasons };
  return (
    <>
      <ul class="lines">
        {lines.slice(0, shown).map(({ line, text, reason }, at) => (
          <li key={at}>
            <span class="line">{batch.line(format(line))}</span>
            <code>
              <UntrustedText text={text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}…` : text} />
            </code>
            <span>{reasons[reason]}</span>
          </li>
        ))}
      </ul>
      {lines.length > shown && (
        <button type="button" class="small" onClick={() => setShown(shown + PAGE_SIZE * 5)}>
          {batch.more(format(Math.min(PAGE_SIZE * 5, lines.length - shown)))}
        </button>
      )}
    </>
  );
}
