import { useEffect, useState } from "preact/hooks";
import { useWords } from "./words/choose.ts";

const SECOND_MS = 1000;

/** A moment in the reader's own zone; UTC and the zone's name on hover. */
export function Moment({ at, dateless = false }: { at: Date; dateless?: boolean }) {
  const { tag, locale: standard } = useWords();
  const locale = navigator.languages.find((language) => language.startsWith(tag)) ?? standard;
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const text = new Intl.DateTimeFormat(locale, {
    dateStyle: dateless ? undefined : "medium",
    timeStyle: "medium",
  }).format(at);
  return <time dateTime={at.toISOString()} title={`${at.toISOString()} (${text}, ${zone})`}>{text}</time>;
}

/** Milliseconds left until the moment, counted down once a second; 0 when it has come. */
export function useLeft(until: number | undefined): number {
  const [now, setNow] = useState(Date.now);
  const going = until !== undefined && until > now;
  useEffect(() => {
    setNow(Date.now());
    if (!going) return;
    const timer = setInterval(() => setNow(Date.now()), SECOND_MS / 2);
    return () => clearInterval(timer);
  }, [until, going]);
  return until === undefined ? 0 : Math.max(0, until - now);
}

/** Milliseconds since the moment, counted up once a second. */
export function useSince(from: number): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), SECOND_MS);
    return () => clearInterval(timer);
  }, []);
  return Math.max(0, now - from);
}
