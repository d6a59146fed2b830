/** The questions in the order in which they are asked; each makes sense only once the one before is answered. */
export const STEP_TITLES = {
  address: "Address",
  path: "Path",
  signature: "Signature",
  reply: "Reply",
  clock: "Clock",
} as const;

export type StepId = keyof typeof STEP_TITLES;

/** What can be wrong, as machines read it. */
export type Cause =
  | "NAME_UNKNOWN"
  | "CONNECTION_REFUSED"
  | "TLS_NOT_SPOKEN"
  | "TLS_WANTED"
  | "CERTIFICATE_REFUSED"
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
  | "SECRET_ENDS_IN_LINE_BREAK"
  | "SECRET_HAS_WHITE_SPACE"
  | "SECRET_IN_QUOTES"
  | "SECRET_IS_PREVIOUS"
  | "APP_UNKNOWN"
  | "MERCHANT_UNKNOWN"
  | "NOT_ENABLED"
  | "REQUEST_REFUSED"
  | "DAXPAY_FAULT"
  | "NOT_DAXPAY"
  | "REPLY_UNSIGNED"
  | "REPLY_UNREADABLE"
  | "REPLY_IMPLAUSIBLE"
  | "CLOCK_BEHIND"
  | "CLOCK_AHEAD"
  | "WRONG_TIME_ZONE";

/** One thing that is wrong, and what to do about it. */
export interface Reason {
  readonly cause: Cause;
  /** Whole sentences without a last full stop. */
  readonly advice: string;
}

export interface Step {
  readonly id: StepId;
  /** Null: could not be examined, because an earlier step failed. */
  readonly ok: boolean | null;
  readonly found: string;
  readonly reasons: readonly Reason[];
}

/** A step that is well, or is not for these reasons. */
export function step(id: StepId, found: string, reasons: readonly Reason[] = []): Step {
  return { id, ok: reasons.length === 0, found, reasons };
}

export function skipped(id: StepId, found: string): Step {
  return { id, ok: null, found, reasons: [] };
}
