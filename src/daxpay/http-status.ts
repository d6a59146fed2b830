import { DaxPayFailure } from "./failure.ts";
import { type HttpReply, retryAfterMs } from "./http.ts";

export interface HttpStatusOptions {
  /** Path of the request, as sent and as DaxPay knows it; a proxy may have removed a prefix. */
  readonly paths: readonly string[];
  /** The failure that the reply's body describes, whatever its status. */
  readonly described: DaxPayFailure | undefined;
  /** Epoch milliseconds. */
  readonly now: number;
}

/** Classifies a reply with another HTTP status than 200, which is a failure whatever its body says. */
export function failureFromHttpStatus(reply: HttpReply, { paths, described, now }: HttpStatusOptions): DaxPayFailure {
  const { status } = reply;
  const fromDaxPay = described?.daxpayCode === undefined ? undefined : described;
  const details = {
    daxpayCode: fromDaxPay?.daxpayCode,
    daxpayMessage: fromDaxPay?.daxpayMessage,
    daxpayTraceId: fromDaxPay?.daxpayTraceId,
    logDetail: fromDaxPay?.logDetail,
  };
  if (status === 500 && isErrorPageOf(reply.body, paths)) {
    return new DaxPayFailure(
      "NOT_CONFIGURED",
      `DaxPay does not serve ${paths[0]}: expected the configured release, got another one`,
    );
  }
  if (status >= 500 || status === 429) {
    return new DaxPayFailure("UPSTREAM_ERROR", `DaxPay at ${paths[0]} returned HTTP ${status}`, {
      ...details,
      status,
      // A proxy returns these, and DaxPay may be processing the request that it passed on.
      delivery: status > 500 && !fromDaxPay ? "IN_DOUBT" : undefined,
      throttled: status === 429,
      retryDelayMs: retryAfterMs(reply.headers.get("retry-after"), now),
    });
  }
  return fromDaxPay ??
    new DaxPayFailure("REPLY_MALFORMED", `Cannot read the reply of ${paths[0]}: expected HTTP 200, got ${status}`, {
      ...details,
    });
}

/** Spring Boot's error page, which DaxPay 2.x returns for a path that it does not serve: its own errors have HTTP 200. */
function isErrorPageOf(body: Uint8Array, paths: readonly string[]): boolean {
  try {
    const page: unknown = JSON.parse(new TextDecoder().decode(body));
    return typeof page === "object" && page !== null && "timestamp" in page && "error" in page &&
      "status" in page && page.status === 500 &&
      "path" in page && typeof page.path === "string" && paths.includes(page.path);
  } catch {
    return false; // another page
  }
}
