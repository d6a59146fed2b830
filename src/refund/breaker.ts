import { DaxPayFailure, type Step } from "../daxpay/failure.ts";
import type { Clock } from "./clock.ts";

export type BreakerState = "closed" | "open" | "half-open";

/** Sends nothing to a DaxPay that is unreachable or failing, except one probe from time to time. */
export interface Breaker {
  /** Runs the request, or throws CIRCUIT_OPEN without running it. */
  run<T>(request: () => Promise<T>, step: Step): Promise<T>;
  state(): BreakerState;
}

/** Consecutive failures that open the circuit. */
const THRESHOLD = 5;
/** Milliseconds between opening and the next probe. */
const OPEN_MS = 5_000;
const MIN_RETRY_DELAY_MS = 1_000;

/** Not cockatiel's: that one measures the pause with the wall clock, so a clock set back keeps it open. */
export function createBreaker(clock: Clock, onChange: (state: BreakerState) => void): Breaker {
  let state: BreakerState = "closed";
  let failures = 0;
  let openedAt = 0;
  let lastFailure: unknown;

  function change(next: BreakerState): void {
    if (next === state) return;
    state = next;
    onChange(next);
  }

  function open(error: unknown): void {
    lastFailure = error;
    openedAt = clock.elapsed();
    change("open");
  }

  function circuitOpenError(step: Step): DaxPayFailure {
    return new DaxPayFailure("CIRCUIT_OPEN", `Circuit breaker open after ${THRESHOLD} consecutive DaxPay failures`, {
      step,
      retryDelayMs: Math.max(MIN_RETRY_DELAY_MS, openedAt + OPEN_MS - clock.elapsed()),
      cause: lastFailure,
    });
  }

  /** A reply closes the circuit even if it reports a failure: DaxPay is reachable. */
  function onReply(): void {
    failures = 0;
    change("closed");
  }

  function onError(error: unknown, probing: boolean): void {
    if (isUpstreamFailure(error)) {
      failures++;
      // A request from before the circuit opened neither prolongs the pause nor decides for the probe.
      if (probing || (state === "closed" && failures >= THRESHOLD)) open(error);
    } else if (isReply(error)) onReply();
    // A probe that proves nothing, for example because its caller left: the next call is the next probe.
    else if (probing) change("open");
  }

  return {
    async run(request, step) {
      const probing = state === "open" && clock.elapsed() >= openedAt + OPEN_MS;
      if (state !== "closed" && !probing) throw circuitOpenError(step);
      if (probing) change("half-open");
      try {
        const result = await request();
        onReply();
        return result;
      } catch (error) {
        onError(error, probing);
        throw error;
      }
    },
    state: () => state,
  };
}

function isUpstreamFailure(error: unknown): boolean {
  if (!(error instanceof DaxPayFailure)) return false;
  return error.reason === "UPSTREAM_UNREACHABLE" || (error.status !== undefined && error.status >= 500);
}

function isReply(error: unknown): boolean {
  return error instanceof DaxPayFailure && error.replied;
}
