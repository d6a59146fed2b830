import { useEffect, useState } from "preact/hooks";
import type { Messages } from "./i18n/en.ts";
import { useMessages } from "./i18n/locale.ts";

const SECOND_MS = 1000;

/** A time in the reader's own zone; UTC and the zone's name on hover. */
export function Timestamp({ at, timeOnly = false }: { at: Date; timeOnly?: boolean }) {
  const text = timestampText(at, useMessages(), timeOnly);
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  return <time dateTime={at.toISOString()} title={`${at.toISOString()} (${text}, ${zone})`}>{text}</time>;
}

/** A time in the reader's own zone, as the browser's variant of the page's language writes it. */
export function timestampText(at: Date, { locale, languageTag }: Messages, timeOnly = false): string {
  const variant = navigator.languages.find((language) => language.startsWith(locale)) ?? languageTag;
  return new Intl.DateTimeFormat(variant, { dateStyle: timeOnly ? undefined : "medium", timeStyle: "medium" })
    .format(at);
}

/** Milliseconds left until a time, in epoch milliseconds; updated twice a second, 0 once it has come. */
export function useLeft(until: number | undefined): number {
  const [now, setNow] = useState(Date.now);
  const running = until !== undefined && until > now;
  useEffect(() => {
    setNow(Date.now());
    if (!running) return;
    const timer = setInterval(() => setNow(Date.now()), SECOND_MS / 2);
    return () => clearInterval(timer);
  }, [until, running]);
  return until === undefined ? 0 : Math.max(0, until - now);
}

/** Milliseconds since a time, in epoch milliseconds; updated once a second. */
export function useSince(from: number): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), SECOND_MS);
    return () => clearInterval(timer);
  }, []);
  return Math.max(0, now - from);
}
