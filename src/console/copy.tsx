import { useEffect, useRef, useState } from "preact/hooks";
import { useWords } from "./words/choose.ts";

const SHOWN_MS = 2_000;

/** Copies the text. Where the browser offers no clipboard (plain http, other host), it selects the text instead. */
export function CopyButton({ text, what }: { text: string; what: string }) {
  const words = useWords();
  const [said, setSaid] = useState<"done" | "select">();
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (!said) return;
    const timer = setTimeout(() => setSaid(undefined), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [said]);

  async function copy() {
    try {
      await navigator.clipboard.writeText(text);
      setSaid("done");
    } catch {
      const shown = button.current?.parentElement?.querySelector("[data-copied]");
      if (shown) getSelection()?.selectAllChildren(shown);
      setSaid("select");
    }
  }

  return (
    <>
      <button ref={button} type="button" class="small" aria-label={words.copy.what(what)} onClick={copy}>
        {words.copy.do}
      </button>
      <span class="said" role="status">{said && words.copy[said]}</span>
    </>
  );
}
