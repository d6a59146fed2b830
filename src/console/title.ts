import { useEffect } from "preact/hooks";
import { useMessages } from "./i18n/locale.ts";

/** Shows the text in the tab's title, so that it is visible while the tab is in the background. */
export function useTitle(text: string): void {
  const { title } = useMessages();
  useEffect(() => {
    document.title = text ? `${text} · ${title}` : title;
  }, [text, title]);
}
