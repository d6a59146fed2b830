import { useEffect, useRef, useState } from "preact/hooks";
import { useMessages } from "./i18n/locale.ts";

const SHOWN_MS = 2_000;

/** Copies the text. Where the browser has no clipboard (plain HTTP off localhost), it selects the text instead. */
export function CopyButton({ text, what }: { text: string; what: string }) {
  const { copy: labels } = useMessages();
  const [result, setResult] = useState<"done" | "select">();
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (!result) return;
    const timer = setTimeout(() => setResult(undefined), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [result]);

  async function copy() {
    try {
      await navigator.clipboard.writeText(text);
      setResult("done");
    } catch {
      const shown = button.current?.parentElement?.querySelector("[data-copied]");
      if (shown) getSelection()?.selectAllChildren(shown);
      setResult("select");
    }
  }

  return (
    <>
      <button ref={button} type="button" class="small" aria-label={labels.label(what)} onClick={copy}>
        {labels.do}
      </button>
      <span class="copy-state" role="status">{result && labels[result]}</span>
    </>
  );
}
