import type { ComponentChildren } from "preact";
import { RESULT } from "./focus.ts";

interface ResultProps {
  readonly label: string;
  readonly class: "result" | "batch";
  readonly children: ComponentChildren;
}

/** The section of a result, which gets the focus of controls that are removed. */
export function Result({ label, class: name, children }: ResultProps) {
  return <section id={RESULT} class={name} tabIndex={-1} aria-label={label}>{children}</section>;
}
