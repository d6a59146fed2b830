import { useEffect } from "preact/hooks";
import { useWords } from "./words/choose.ts";

/** Puts the text into the tab's title, so that a tab in the background tells what became of its refund. */
export function useTitle(text: string): void {
  const { title } = useWords();
  useEffect(() => {
    document.title = text ? `${text} · ${title}` : title;
  }, [text, title]);
}
