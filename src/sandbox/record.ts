import type { FaultName } from "./fault.ts";
import type { EndpointKind } from "./endpoint.ts";

/** Outcome of a request, as far as it got. */
export interface RecordedOutcome {
  readonly httpStatus?: number;
  /** 2.x: the code in a signed `data`, else the envelope's. */
  readonly code?: number;
  readonly text?: string | null;
  /** DaxPay's status of the refund. */
  readonly status?: string;
  readonly signed?: boolean;
  readonly fault?: FaultName;
}

/** A request as it came in. */
export interface Recorded {
  /** Milliseconds since 1970, by the server's clock. */
  readonly time: number;
  readonly method: string;
  readonly path: string;
  /** Undefined where the release does not serve the path. */
  readonly endpoint: EndpointKind | undefined;
  readonly body: string;
  /** The body's members where it is a JSON object. */
  readonly members: Readonly<Record<string, unknown>> | undefined;
  /** Unset while the answer is still to come. */
  outcome: RecordedOutcome | undefined;
}

const KEPT = 10_000;

/** Keeps at least the last 10,000; older ones are dropped in bulk, which is cheaper than one by one. */
export function record(requests: Recorded[], request: Recorded): void {
  requests.push(request);
  if (requests.length >= KEPT + 2_000) requests.splice(0, requests.length - KEPT);
}
