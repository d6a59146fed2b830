import { createContext } from "preact";
import { useContext } from "preact/hooks";
import { en, type Words } from "./en.ts";
import { zh } from "./zh.ts";

export type Tag = "en" | "zh";
export const LANGUAGES: Readonly<Record<Tag, Words>> = { en, zh };

/** The first of the browser's languages that the page speaks; English if none. */
export function tagFrom(languages: readonly string[]): Tag {
  for (const language of languages) {
    const [primary] = language.toLowerCase().split("-");
    if (isTag(primary)) return primary;
  }
  return "en";
}

export function isTag(text: unknown): text is Tag {
  return text === "en" || text === "zh";
}

export const WordsContext = createContext<Words>(en);

export function useWords(): Words {
  return useContext(WordsContext);
}
