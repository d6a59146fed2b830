import { Buffer } from "node:buffer";
import { classifyCode, classifyDataCode } from "../daxpay/code.ts";
import type { Reason } from "../daxpay/failure.ts";
import { type Json, type JsonObject, parseJson } from "../daxpay/json.ts";
import type { Answer } from "./probe.ts";

/** How far into DaxPay a request came. */
export type Verdict =
  /** Past the check of its signature; also where DaxPay does not check signatures. */
  | "accepted"
  /** Past the check of its signature, and then refused for its time. */
  | "late"
  /** Its signature was refused. */
  | "refused"
  /** DaxPay refused something that it looks at before the signature. */
  | "early"
  /** Nothing is served at this path, or only to others. */
  | "unserved"
  /** DaxPay or a proxy failed, or answered what no release is known to answer. */
  | "fault"
  | "redirected"
  /** This does not talk like DaxPay. */
  | "foreign";

/** What an answer says, as far as it talks like DaxPay. */
export interface Interpretation {
  readonly verdict: Verdict;
  readonly envelope?: JsonObject;
  /** The envelope's code, or 2.x's in `data` where the envelope says 0. */
  readonly code?: number;
  readonly text: string;
  /** Whether the reply carries a signature, right or wrong. */
  readonly signed: boolean;
}

const VERDICTS: Readonly<Record<Reason, Verdict>> = {
  REFUND_NOT_FOUND: "accepted",
  SYNC_IN_PROGRESS: "accepted",
  CHANNEL_FAILED: "accepted",
  CLOCK_SKEW: "late",
  SIGNATURE_REJECTED: "refused",
  INVALID_REQUEST: "early",
  NOT_CONFIGURED: "early",
  UPSTREAM_ERROR: "fault",
  UPSTREAM_UNREACHABLE: "fault",
  UPSTREAM_TIMEOUT: "fault",
  REPLY_INTERRUPTED: "fault",
  REPLY_MALFORMED: "fault",
  REPLY_UNVERIFIED: "fault",
  REPLY_MISMATCHED: "fault",
  RATE_LIMITED: "fault",
  UNKNOWN_DAXPAY_CODE: "fault",
  DEADLINE_EXCEEDED: "fault",
  SYNC_IN_DOUBT: "fault",
  CIRCUIT_OPEN: "fault",
};

/** 2.0.5 says so, unsigned, of a refund it does not know, once it has checked the signature. */
export const ANCIENT_UNKNOWN = { code: 20000, text: "未查询到退款订单" };

/** Codes of DaxPay's login filter and router: 2.x and beta4 say 1, 3.0.0 10401 or 10404. */
const UNSERVED_CODES = [1, 10401, 10404];

export function interpret({ status, body }: Answer): Interpretation {
  const envelope = envelopeOf(body);
  const outer = numberOf(envelope?.members.get("code"));
  const data = objectOf(envelope?.members.get("data"));
  const inner = outer === 0 ? numberOf(data?.members.get("code")) : undefined;
  const carrier = inner ? data : envelope;
  const code = inner ? inner : outer;
  const text = textOf(carrier?.members.get("msg"));
  const signed = [envelope, data].some((object) => textOf(object?.members.get("sign")) !== "");
  return { verdict: verdictOf({ status, code, text, inner: Boolean(inner) }), envelope, code, text, signed };
}

interface Told {
  readonly status: number;
  readonly code: number | undefined;
  readonly text: string;
  /** Whether the code stands in `data`, which only a request that was let in gets. */
  readonly inner: boolean;
}

function verdictOf({ status, code, text, inner }: Told): Verdict {
  if (status >= 300 && status < 400) return "redirected";
  if (status === 429 || [502, 503, 504].includes(status)) return "fault";
  if ([401, 403, 404, 405].includes(status)) return "unserved";
  // Spring's own error page, which 2.x shows of a path that it does not serve, has no code.
  if (code === undefined) return status === 500 ? "unserved" : "foreign";
  if (code === 0) return "accepted";
  if (inner) return classifyDataCode(code, text).reason === "CLOCK_SKEW" ? "late" : "accepted";
  if (UNSERVED_CODES.includes(code)) return "unserved";
  if (code === ANCIENT_UNKNOWN.code && text === ANCIENT_UNKNOWN.text) return "accepted";
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
