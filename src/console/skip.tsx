import type { ComponentChildren } from "preact";

interface SkipProps {
  /** The id of what gets the focus. */
  readonly to: string;
  readonly children: ComponentChildren;
}

/** Leads the keyboard past what is long, without leaving the address, which names the refund. */
export function Skip({ to, children }: SkipProps) {
  function skip(event: Event) {
    event.preventDefault();
    document.getElementById(to)?.focus();
  }
  return <a class="skip" href={`#${to}`} onClick={skip}>{children}</a>;
}
