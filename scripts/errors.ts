import { durationMs } from "@bufbuild/protobuf/wkt";
import type { ConnectError } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import { REASONS } from "../src/daxpay/failure.ts";
import { SyncFailureSchema } from "../src/gen/daxpay/refundsync/v1/sync_failure_pb.ts";
import { CODES, type ReasonName, shuttingDownError } from "../src/service/errors.ts";

/** What a caller can do about an error, in the order of the documentation. */
export const ACTIONS = ["retry", "request", "operator", "investigate"] as const;
export type Action = typeof ACTIONS[number];

interface Advice {
  readonly action: Action;
  readonly text: string;
}

const retry = (text: string): Advice => ({ action: "retry", text });
const request = (text: string): Advice => ({ action: "request", text });
const operator = (text: string): Advice => ({ action: "operator", text });
const investigate = (text: string): Advice => ({ action: "investigate", text });

const ADVICE: Readonly<Record<ReasonName, Advice>> = {
  REFUND_NOT_FOUND: request("DaxPay has no such refund: check the number and the DaxPay application"),
  SYNC_IN_PROGRESS: retry(
    "DaxPay holds its lock of this refund; the service has already retried for as long as time was left",
  ),
  CHANNEL_FAILED: retry(
    "the payment channel returned an error, so the state is unknown; on 2.x a refund that WeChat Pay closed looks like this, too",
  ),
  INVALID_REQUEST: request("see the field violations in `google.rpc.BadRequest`, or DaxPay's message"),
  CLOCK_SKEW: operator("synchronize the clocks of this service and DaxPay; the message names the difference"),
  SIGNATURE_REJECTED: operator("check the secret, the sign type and the release: `deno task doctor`"),
  NOT_CONFIGURED: operator(
    "an interface, application, merchant or channel is disabled or missing in DaxPay, or the release is wrong: `deno task doctor`",
  ),
  UPSTREAM_ERROR: retry("DaxPay or a proxy failed or throttled the request (HTTP 5xx, 429, code 10001 or 10500)"),
  UPSTREAM_UNREACHABLE: retry("nothing was sent; if it persists, check the network"),
  UPSTREAM_TIMEOUT: retry("DaxPay did not reply within DAXPAY_TIMEOUT_MS or the caller's deadline"),
  REPLY_INTERRUPTED: retry("the connection broke after the request was sent"),
  REPLY_MALFORMED: investigate("the endpoint is not DaxPay: run `deno task doctor`"),
  REPLY_UNVERIFIED: investigate("discard the reply; run `deno task doctor`, then check the network path for tampering"),
  REPLY_MISMATCHED: investigate(
    "the reply belongs to another refund or is stale: check clocks and DAXPAY_TIME_ZONE, then suspect a replay",
  ),
  RATE_LIMITED: retry("the queue to DaxPay is longer than the caller's deadline; see DAXPAY_RATE"),
  UNKNOWN_DAXPAY_CODE: investigate("read `daxpay_code` and `daxpay_message`, and report the code"),
  UNAUTHENTICATED: request(
    "send a valid bearer token or client certificate; with code `unavailable` the JWKS could not be fetched: retry",
  ),
  PERMISSION_DENIED: request("these credentials do not allow the call"),
  SHUTTING_DOWN: retry("another replica, or this one after its restart, takes the call"),
  DEADLINE_EXCEEDED: retry("nothing was sent: allow more time; a watch ends with it after 24 hours"),
  SYNC_IN_DOUBT: retry(
    "an earlier sync of this refund was not answered, or the service has just started; see [money.md](money.md)",
  ),
  CIRCUIT_OPEN: retry("5 consecutive DaxPay requests failed; a probe is sent every 5 s"),
  INTERNAL: investigate("a bug in this service: report it with the log record"),
  TRACKING_DISABLED: operator("RefundTrackingService needs a database: set DATABASE_URL"),
  STORE_UNAVAILABLE: retry(
    "the database is unavailable; refunds are tracked on when it is back, see [tracking.md](tracking.md)",
  ),
  STORE_REPLACED: operator(
    "the database is another one than before, or has lost data: see [operations.md](operations.md#database)",
  ),
  NOT_TRACKED: request("this account does not track the refund"),
  CURSOR_EXPIRED: request("the events after this cursor have been deleted; the message names the oldest cursor"),
};

export interface ErrorRow extends Advice {
  readonly reason: ReasonName;
  /** Connect's spelling. */
  readonly code: string;
  readonly delivery: string;
  /** Undefined where a retry cannot succeed. */
  readonly retryDelayMs: number | undefined;
}

/** Every reason with its defaults in the code and what to do. */
export function errorRows(): readonly ErrorRow[] {
  return Object.entries(CODES).map(([name, code]) => {
    const reason = name as ReasonName;
    const upstream = Object.hasOwn(REASONS, reason) ? REASONS[reason as keyof typeof REASONS] : undefined;
    return {
      reason,
      code: codeToString(code),
      delivery: upstream?.delivery ?? "NOT_SENT",
      retryDelayMs: upstream
        ? ("retryDelayMs" in upstream ? upstream.retryDelayMs : undefined)
        : ownRetryDelayMs(reason),
      ...ADVICE[reason],
    };
  });
}

/** Of a reason that does not come from DaxPay. */
function ownRetryDelayMs(reason: ReasonName): number | undefined {
  const errors: Partial<Record<ReasonName, ConnectError>> = { SHUTTING_DOWN: shuttingDownError() };
  const [failure] = errors[reason]?.findDetails(SyncFailureSchema) ?? [];
  return failure?.retryDelay && durationMs(failure.retryDelay);
}
