import { isTag, type Tag, tagFrom } from "./words/choose.ts";

/** What a tab remembers until it is closed. Where the browser forbids storage it lasts until the page is left. */
export interface Session {
  readonly token: Entry<string>;
  readonly tag: Entry<Tag>;
}

interface Entry<T> {
  get(): T | undefined;
  set(value: T | undefined): void;
}

export function createSession(storage: Storage | undefined): Session {
  return {
    token: entry(storage, "token", (text): text is string => text !== ""),
    tag: entry(storage, "language", isTag),
  };
}

export function storageOf(window: Window): Storage | undefined {
  try {
    return window.sessionStorage;
  } catch {
    return undefined;
  }
}

export function startTag(session: Session, languages: readonly string[]): Tag {
  return session.tag.get() ?? tagFrom(languages);
}

function entry<T extends string>(
  storage: Storage | undefined,
  key: string,
  isValid: (text: string) => text is T,
): Entry<T> {
  const stored = storage?.getItem(key) ?? "";
  let value = isValid(stored) ? stored : undefined;
  return {
    get: () => value,
    set(next) {
      value = next;
      if (next === undefined) storage?.removeItem(key);
      else storage?.setItem(key, next);
    },
  };
}
