import { useLayoutEffect } from "preact/hooks";

/** The id of the part that tells what came of a call. */
export const RESULT = "result";
/** The id of the page's content below its head. */
export const CONTENT = "main";

/**
 * Gives the focus to the result, or else to the content, when the control that had it vanishes: the keyboard would
 * start anew at the page's head, and a screen reader fall silent.
 */
export function useKeptFocus(): void {
  useLayoutEffect(() => {
    let last: EventTarget | null = document.activeElement;
    const remember = ({ target }: FocusEvent) => void (last = target);
    const observer = new MutationObserver(() => {
      if (!(last instanceof Node) || last.isConnected || document.activeElement !== document.body) return;
      const place = document.getElementById(RESULT) ?? document.getElementById(CONTENT);
      place?.focus({ preventScroll: true });
    });
    document.addEventListener("focusin", remember);
    observer.observe(document.body, { childList: true, subtree: true });
    return () => {
      document.removeEventListener("focusin", remember);
      observer.disconnect();
    };
  }, []);
}
