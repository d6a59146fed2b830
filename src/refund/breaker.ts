import { circuitBreaker, CircuitState, ConsecutiveBreaker, handleWhen, isBrokenCircuitError } from "cockatiel";
import { DaxPayFailure } from "../daxpay/failure.ts";

export type BreakerState = "closed" | "open" | "half-open";

/** Stops asking a DaxPay that cannot be reached or breaks, and lets one question through from time to time. */
export interface Breaker {
  /** Runs the work, or throws UPSTREAM_UNREACHABLE without running it while the circuit is open. */
  run<T>(work: () => Promise<T>): Promise<T>;
  state(): BreakerState;
}

/** The failure of a question that the open circuit kept from being asked. */
export class CircuitOpenFailure extends DaxPayFailure {
  override readonly name = "CircuitOpenFailure";

  constructor(retryAfterMs: number, cause: unknown) {
    super(
      "UPSTREAM_UNREACHABLE",
      `DaxPay was not asked: the last ${THRESHOLD} calls could not reach it or found it broken`,
      { retryDelayMs: retryAfterMs, cause },
    );
  }
}

/** So many failures in a row open the circuit. */
const THRESHOLD = 5;
/** Milliseconds between one that opened it and the next that is let through. */
const OPEN_MS = 5_000;

const STATES: Record<CircuitState, BreakerState> = {
  [CircuitState.Closed]: "closed",
  [CircuitState.Open]: "open",
  [CircuitState.HalfOpen]: "half-open",
  [CircuitState.Isolated]: "open",
};

export function createBreaker(onChange: (state: BreakerState) => void): Breaker {
  let openedAt = 0;
  const policy = circuitBreaker(
    // While one question is let through, only an answer closes the circuit, so a caller that leaves does not.
    handleWhen((error) => isUpstreamFailure(error) || policy.state === CircuitState.HalfOpen),
    { halfOpenAfter: OPEN_MS, breaker: new ConsecutiveBreaker(THRESHOLD) },
  );
  policy.onStateChange((state) => {
    if (state === CircuitState.Open) openedAt = Date.now();
    onChange(STATES[state]);
  });

  return {
    async run(work) {
      try {
        // An answer that is a failure counts as a success here: DaxPay can be reached.
        const outcome = await policy.execute(async () => {
          try {
            return { value: await work() };
          } catch (error) {
            if (isUpstreamFailure(error) || !(error instanceof DaxPayFailure) || error.delivery !== "ANSWERED") {
              throw error;
            }
            return { error };
          }
        });
        if ("error" in outcome) throw outcome.error;
        return outcome.value;
      } catch (error) {
        if (!isBrokenCircuitError(error)) throw error;
        throw new CircuitOpenFailure(Math.max(1000, openedAt + OPEN_MS - Date.now()), policy.lastFailure);
      }
    },
    state: () => STATES[policy.state],
  };
}

function isUpstreamFailure(error: unknown): boolean {
  if (!(error instanceof DaxPayFailure)) return false;
  return error.reason === "UPSTREAM_UNREACHABLE" || (error.status !== undefined && error.status >= 500);
}
