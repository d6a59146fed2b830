import type { ComponentChildren } from "preact";

interface SkipLinkProps {
  /** The id of the element that gets the focus. */
  readonly to: string;
  readonly children: ComponentChildren;
}

/** Moves the keyboard focus past long content. The address stays, since its fragment names the refund. */
export function SkipLink({ to, children }: SkipLinkProps) {
  function skip(event: Event) {
    event.preventDefault();
    document.getElementById(to)?.focus();
  }
  return <a class="skip" href={`#${to}`} onClick={skip}>{children}</a>;
}
