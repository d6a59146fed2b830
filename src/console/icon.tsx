import type { ComponentChildren } from "preact";
import type { StatusKind } from "./outcome.ts";

/** One shape per kind, so that no state is shown by colour alone. */
const SHAPES: Record<StatusKind | "waiting", ComponentChildren> = {
  succeeded: (
    <>
      <circle class="fill" cx="12" cy="12" r="10" />
      <path class="line" d="M7 12.5l3.5 3.5L17 9" />
    </>
  ),
  progress: (
    <>
      <circle class="ring" cx="12" cy="12" r="9" />
      <path class="ink" d="M12 6.5V12l4 2.5" />
    </>
  ),
  failed: (
    <>
      <path class="fill" d="M8 2h8l6 6v8l-6 6H8l-6-6V8z" />

      <path class="line" d="M8.5 8.5l7 7m0-7l-7 7" />
    </>
  ),
  closed: (
    <>
      <rect class="fill" x="3" y="3" width="18" height="18" rx="3" />
      <path class="line" d="M7.5 12h9" />
    </>
  ),
  notFound: (
    <>
      <circle class="ring solid" cx="10" cy="10" r="7" />
      <path class="ink" d="M15.5 15.5L22 22M7.5 10h5" />
    </>
  ),
  unknown: (
    <>
      <path class="fill" d="M12 1l11 11-11 11L1 12z" />

      <path class="line" d="M9.5 9.5a2.5 2.5 0 1 1 3.5 2.4c-.7.3-1 .7-1 1.6M12 17v.1" />
    </>
  ),
  noState: (
    <>
      <path class="fill" d="M12 2l11 20H1z" />
      <path class="line" d="M12 9v6m0 3.4v.1" />
    </>
  ),
  waiting: (
    <>
      <circle class="ring" cx="12" cy="12" r="9" />
    </>
  ),
};

/** Decorative: a text always accompanies it. */
export function Icon({ kind }: { kind: StatusKind | "waiting" }) {
  return <svg class={`icon ${kind}`} viewBox="0 0 24 24" aria-hidden="true" focusable="false">{SHAPES[kind]}</svg>;
}
