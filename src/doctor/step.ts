/** The checks in their order; each makes sense only if the ones before passed. `refund` runs only on demand. */
export const STEP_TITLES = {
  address: "Address",
  path: "Path",
  signature: "Signature",
  reply: "Reply",
  query: "Query",
  clock: "Clock",
  requestAge: "Request age",
  refund: "Refund",
} as const;

export type StepId = keyof typeof STEP_TITLES;

/** What can be wrong, for scripts. */
export type Cause =
  | "NAME_UNKNOWN"
  | "CONNECTION_REFUSED"
  | "TLS_NOT_SPOKEN"
  | "TLS_REQUIRED"
  | "CERTIFICATE_REJECTED"
  | "TLS_FAILED"
  | "TIMED_OUT"
  | "CONNECTION_LOST"
  | "NOT_PERMITTED"
  | "UNREACHABLE"
  | "REDIRECTED"
  | "PATH_NOT_SERVED"
  | "DOCUMENTED_PATH"
  | "WRONG_RELEASE"
  | "NONCE_UNKNOWN"
  | "WRONG_SIGN_TYPE"
  | "WRONG_SECRET"
  | "WRONG_PRIVATE_KEY"
  | "WRONG_PLATFORM_KEY"
  | "MERCHANT_KEY_MISSING"
  | "REQUEST_CHANGED"
  | "RELEASE_UNSUPPORTED"
  | SecretCause
  | "SIGNATURE_NOT_VERIFIED"
  | "APP_UNKNOWN"
  | "MERCHANT_UNKNOWN"
  | "NOT_ENABLED"
  | "REQUEST_REJECTED"
  | "DAXPAY_ERROR"
  | "NOT_DAXPAY"
  | "REPLY_UNSIGNED"
  | "REPLY_UNREADABLE"
  | "REPLY_IMPLAUSIBLE"
  | "NO_QUERY"
  | "CLOCK_BEHIND"
  | "CLOCK_AHEAD"
  | "WRONG_TIME_ZONE"
  | "TIME_ZONE_UNCHECKED"
  | "REQUEST_AGE_UNLIMITED"
  | "SETTLE_TIMEOUT_TOO_SHORT"
  | "REFUND_UNKNOWN"
  | "REFUND_OF_OTHER_APP"
  | "INCONCLUSIVE";

/** What is wrong with the configured secret, where another reading of it is right. */
export type SecretCause =
  | "SECRET_IS_UTF16"
  | "SECRET_ENDS_IN_LINE_BREAK"
  | "SECRET_HAS_INVISIBLE_CHARACTERS"
  | "SECRET_HAS_WHITE_SPACE"
  | "SECRET_IN_QUOTES"
  | "SECRET_HAS_FULL_WIDTH_CHARACTERS"
  | "SECRET_IS_BASE64"
  | "SECRET_IS_PREVIOUS";

/** One problem and what to do about it. */
export interface Reason {
  readonly cause: Cause;
  /** Complete sentences without the last full stop. */
  readonly advice: string;
}

/** `warning`: the service works, but not as safely as it could. `skipped`: not checked, and `found` says why. */
export type StepStatus = "passed" | "warning" | "failed" | "skipped";

export interface Step {
  readonly id: StepId;
  readonly status: StepStatus;
  readonly found: string;
  readonly reasons: readonly Reason[];
}

/** A step that failed for the given reasons, or passed without any. */
export function step(id: StepId, found: string, reasons: readonly Reason[] = []): Step {
  return { id, status: reasons.length === 0 ? "passed" : "failed", found, reasons };
}

export function warning(id: StepId, found: string, reasons: readonly Reason[]): Step {
  return { id, status: "warning", found, reasons };
}

export function skipped(id: StepId, found: string): Step {
  return { id, status: "skipped", found, reasons: [] };
}

/** A check whose request failed in a way that says nothing about what it checks. */
export function inconclusive(id: StepId, found: string): Step {
  return warning(id, found, [{ cause: "INCONCLUSIVE", advice: "Run the doctor again" }]);
}
