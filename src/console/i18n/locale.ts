import { createContext } from "preact";
import { useContext } from "preact/hooks";
import { en, type Messages } from "./en.ts";
import { zh } from "./zh.ts";

/** A language of the page. */
export type Locale = "en" | "zh";

export const MESSAGES: Readonly<Record<Locale, Messages>> = { en, zh };

/** Returns the first of the browser's languages that the page has; English if none. */
export function localeFrom(languages: readonly string[]): Locale {
  for (const language of languages) {
    const [primary] = language.toLowerCase().split("-");
    if (isLocale(primary)) return primary;
  }
  return "en";
}

export function isLocale(text: unknown): text is Locale {
  return text === "en" || text === "zh";
}

export const MessagesContext = createContext<Messages>(en);

export function useMessages(): Messages {
  return useContext(MessagesContext);
}
