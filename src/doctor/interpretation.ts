import { Buffer } from "node:buffer";
import { classifyCode, classifyDataCode } from "../daxpay/code.ts";
import type { Reason } from "../daxpay/failure.ts";
import { type Json, type JsonObject, parseJson } from "../daxpay/json.ts";
import type { Answer } from "./probe.ts";

/** How far a request got in DaxPay. */
export type Verdict =
  /** Past the check of its signature, or DaxPay does not check signatures. */
  | "accepted"
  /** Past the check of its signature, then rejected because of its time. */
  | "clockRejected"
  | "signatureRejected"
  /** Rejected for something that DaxPay checks before the signature. */
  | "rejectedBeforeSignature"
  /** Nothing is served at this path, or not to us. */
  | "notServed"
  /** DaxPay or a proxy failed, or replied as no known release does. */
  | "failed"
  | "redirected"
  /** The reply has another format than DaxPay's. */
  | "notDaxPay";

/** A reply as far as it has DaxPay's format; nothing in it is verified. */
export interface Interpretation {
  readonly verdict: Verdict;
  readonly envelope?: JsonObject;
  /** The envelope's code, or 2.x's in `data` where the envelope says 0. */
  readonly code?: number;
  readonly text: string;
  /** Whether the reply carries a signature, right or wrong. */
  readonly signed: boolean;
  /** Whether it has a member that only v4 writes: `message` in unsigned failures, `reqId` in signed ones. */
  readonly v4: boolean;
}

const VERDICTS: Readonly<Record<Reason, Verdict>> = {
  REFUND_NOT_FOUND: "accepted",
  SYNC_IN_PROGRESS: "accepted",
  CHANNEL_FAILED: "accepted",
  CLOCK_SKEW: "clockRejected",
  SIGNATURE_REJECTED: "signatureRejected",
  INVALID_REQUEST: "rejectedBeforeSignature",
  NOT_CONFIGURED: "rejectedBeforeSignature",
  UPSTREAM_ERROR: "failed",
  UPSTREAM_UNREACHABLE: "failed",
  UPSTREAM_TIMEOUT: "failed",
  REPLY_INTERRUPTED: "failed",
  REPLY_MALFORMED: "failed",
  REPLY_UNVERIFIED: "failed",
  REPLY_MISMATCHED: "failed",
  RATE_LIMITED: "failed",
  UNKNOWN_DAXPAY_CODE: "failed",
  DEADLINE_EXCEEDED: "failed",
  SYNC_IN_DOUBT: "failed",
  CIRCUIT_OPEN: "failed",
  STORE_REPLACED: "failed",
};

/** 2.0.5's unsigned reply for an unknown refund, after it has checked the signature. */
export const V2_0_5_UNKNOWN = { code: 20000, text: "未查询到退款订单" };

/** Codes of DaxPay's login filter and router: 1 on 2.x and beta4, 10401 and 10404 on 3.0.0. */
const NOT_SERVED_CODES = [1, 10401, 10404];

export function interpret({ status, body }: Answer): Interpretation {
  const envelope = envelopeOf(body);
  const outer = numberOf(envelope?.members.get("code"));
  const data = objectOf(envelope?.members.get("data"));
  const inner = outer === 0 ? numberOf(data?.members.get("code")) : undefined;
  const carrier = inner ? data : envelope;
  const code = inner ? inner : outer;
  const text = textOf(carrier?.members.get("msg")) || textOf(envelope?.members.get("message"));
  const signed = [envelope, data].some((object) => textOf(object?.members.get("sign")) !== "");
  const v4 = code !== undefined && (envelope?.members.has("message") || envelope?.members.has("reqId")) === true;
  return { verdict: verdictOf({ status, code, text, inner: Boolean(inner) }), envelope, code, text, signed, v4 };
}

interface ReplySummary {
  readonly status: number;
  readonly code: number | undefined;
  readonly text: string;
  /** Whether the code is in `data`, where only an accepted request gets it. */
  readonly inner: boolean;
}

function verdictOf({ status, code, text, inner }: ReplySummary): Verdict {
  if (status >= 300 && status < 400) return "redirected";
  if (status === 429 || [502, 503, 504].includes(status)) return "failed";
  if ([401, 403, 404, 405].includes(status)) return "notServed";
  // Spring Boot's error page, which 2.x returns for a path that it does not serve, has no code.
  if (code === undefined) return status === 500 ? "notServed" : "notDaxPay";
  if (code === 0) return "accepted";
  if (inner) return classifyDataCode(code, text).reason === "CLOCK_SKEW" ? "clockRejected" : "accepted";
  // v4's code for a merchant that is switched off is 1 too.
  if (NOT_SERVED_CODES.includes(code) && !/未启用/.test(text)) return "notServed";
  if (code === V2_0_5_UNKNOWN.code && text === V2_0_5_UNKNOWN.text) return "accepted";
  return VERDICTS[classifyCode(code, text).reason];
}

function envelopeOf(body: Uint8Array): JsonObject | undefined {
  try {
    return objectOf(parseJson(Buffer.from(body).toString()));
  } catch {
    return undefined; // a page, not a reply
  }
}

function objectOf(json: Json | undefined): JsonObject | undefined {
  return json?.type === "object" ? json : undefined;
}

function textOf(json: Json | undefined): string {
  return json?.type === "string" ? json.value : "";
}

function numberOf(json: Json | undefined): number | undefined {
  const text = json?.type === "number" ? json.text : textOf(json);
  return /^-?\d{1,9}$/.test(text) ? Number(text) : undefined;
}
