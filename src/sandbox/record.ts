import type { FaultName } from "./fault.ts";

/** How a request was answered, as far as it was. */
export interface Outcome {
  readonly httpStatus?: number;
  /** 2.x: the code in a signed `data`, else the envelope's. */
  readonly code?: number;
  readonly text?: string | null;
  /** The status told. */
  readonly word?: string;
  readonly signed?: boolean;
  readonly fault?: FaultName;
}

/** A request as it came in. */
export interface Recorded {
  /** Milliseconds since 1970, by the sandbox's clock. */
  readonly time: number;
  readonly method: string;
  readonly path: string;
  readonly body: string;
  /** The body's members where it is a JSON object. */
  readonly members: Readonly<Record<string, unknown>> | undefined;
  /** Unset while the answer is still to come. */
  outcome: Outcome | undefined;
}

const KEPT = 10_000;

/** Keeps at least the last 10,000; older ones leave in bulk, which is cheaper than one by one. */
export function keep(requests: Recorded[], recorded: Recorded): void {
  requests.push(recorded);
  if (requests.length >= KEPT + 2_000) requests.splice(0, requests.length - KEPT);
}
