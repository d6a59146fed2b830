import { StoreReplacedError, StoreUnavailableError } from "../store/database.ts";
import { TrackingError } from "./tracking.ts";

const RETRY_DELAY_MS = 1_000;

/** An error of the store as callers see it; any other is a defect and stays as it is. */
export function trackingErrorFrom(error: unknown): unknown {
  if (error instanceof StoreUnavailableError) {
    return new TrackingError("STORE_UNAVAILABLE", "The database is unavailable", {
      retryDelayMs: RETRY_DELAY_MS,
      cause: error,
    });
  }
  if (error instanceof StoreReplacedError) return new TrackingError("STORE_REPLACED", error.message, { cause: error });
  return error;
}
