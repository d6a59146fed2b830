import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

interface ResultProps {
  readonly label: string;
  readonly class: "result" | "batch";
  /** Whatever makes buttons appear and vanish; undefined while the page has just been opened. */
  readonly turn: unknown;
  readonly children: ComponentChildren;
}

/** The place of a result. Takes the focus when the button that had it is gone, lest the keyboard start anew. */
export function Result({ label, class: name, turn, children }: ResultProps) {
  const place = useRef<HTMLElement>(null);
  useEffect(() => {
    if (turn !== undefined && document.activeElement === document.body) place.current?.focus({ preventScroll: true });
  }, [turn]);
  return <section ref={place} class={name} tabIndex={-1} aria-label={label}>{children}</section>;
}
