import { useLayoutEffect } from "preact/hooks";

/** The id of the section that shows a result. */
export const RESULT = "result";
/** The id of the page's content below its header. */
export const CONTENT = "main";

/**
 * Moves the focus to the result, or else to the content, when the focused control is removed: otherwise the keyboard
 * would start again at the top of the page.
 */
export function useFocusRecovery(): void {
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
