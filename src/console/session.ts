import { isLocale, type Locale, localeFrom } from "./i18n/locale.ts";

/** What a tab keeps until it is closed; until the page is left where the browser forbids storage. */
export interface Session {
  readonly token: Entry<string>;
  readonly locale: Entry<Locale>;
}

interface Entry<T> {
  get(): T | undefined;
  set(value: T | undefined): void;
}

export function createSession(storage: Storage | undefined): Session {
  return {
    token: entry(storage, "token", (text): text is string => text !== ""),
    locale: entry(storage, "locale", isLocale),
  };
}

export function storageOf(window: Window): Storage | undefined {
  try {
    return window.sessionStorage;
  } catch {
    return undefined;
  }
}

export function initialLocale(session: Session, languages: readonly string[]): Locale {
  return session.locale.get() ?? localeFrom(languages);
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
