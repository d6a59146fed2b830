import { type Classification, classifyCode, classifyDataCode, showsInternals } from "./code.ts";
import { fenFrom } from "./decimal.ts";
import type { Proof } from "./evidence.ts";
import { DaxPayFailure, type FailureOptions } from "./failure.ts";
import type { Json, JsonObject } from "./json.ts";
import {
  describeType,
  integerOf,
  MalformedError,
  optionalText,
  parseBody,
  preview,
  scalarText,
  timeOf,
} from "./member.ts";
import type { RefundQueryApi, Release, ReplySigning } from "./release.ts";
import type { RefundQuery } from "./request.ts";
import type { Signer } from "./signer.ts";

/** More than any DaxPay reply has; what is larger is not read to its end. */
export const MAX_REPLY_BYTES = 64 * 1024;

/**
 * What a verified reply is bound to: REFUND if it names the refund, REQUEST if it only repeats the request's reqId,
 * SECRET_ONLY if it does neither.
 */
export type Binding = "SECRET_ONLY" | "REFUND" | "REQUEST";

/** A refund's state as a verified signature proves it. Times are epoch milliseconds. */
export interface RefundReport {
  readonly kind: "report";
  /** As signed; undefined where the reply does not name it, as no known sync does. */
  readonly refundNo: string | undefined;
  readonly bizRefundNo: string | undefined;
  /** DaxPay's own spelling. */
  readonly daxpayStatus: string;
  /** To the second. */
  readonly repliedAt: number;
  readonly daxpayTraceId: string | undefined;
  /** Milliseconds by which DaxPay's clock was ahead of ours; negative: behind. */
  readonly skewMs: number;
  readonly binding: Binding;
  readonly proof: Proof;
  /** DaxPay's number of the payment; this and the rest come from a query only. */
  readonly orderNo?: string;
  /** DaxPay's code of the payment channel, for example `wechat_pay`. */
  readonly channel?: string;
  readonly amountFen?: bigint;
  /** When the refund succeeded or failed, to the second. */
  readonly finishTime?: number;
  /** Why the refund failed. */
  readonly errorMessage?: string;
  /** DaxPay's application that owns the refund (3.0.0-beta4). */
  readonly appId?: string;
}

/** A reply without a state. */
export interface FailedReply {
  readonly kind: "failure";
  readonly failure: DaxPayFailure;
  /** As in RefundReport, where a verified reply holds its time. */
  readonly skewMs: number | undefined;
}

export interface ReplyContext {
  readonly release: Release;
  readonly signer: Omit<Signer, "sign">;
  readonly query: RefundQuery;
  /** The request's signature: like the secrets, it is redacted from DaxPay's texts. */
  readonly signature?: string;
  /** As in the request; undefined where the release has none. */
  readonly reqId?: string;
  /** Used where the body holds none. */
  readonly traceId?: string;
  readonly timeZone: string;
  /** When the reply arrived, in epoch milliseconds. */
  readonly now: number;
  readonly maxSkewMs: number;
}

/**
 * Reads the body of a sync's reply, at most MAX_REPLY_BYTES of untrusted bytes. Never throws; a report is returned only
 * where a signature verifies over the members as received, and the reply belongs to the refund and to this time.
 */
export function readReply(body: Uint8Array, context: ReplyContext): RefundReport | FailedReply {
  return read(body, { ...context, api: context.release });
}

/** Reads the body of a query's reply like `readReply`; the reply must name the refund. Throws where there is no query. */
export function readQueryReply(body: Uint8Array, context: ReplyContext): RefundReport | FailedReply {
  const api = context.release.query;
  if (!api) throw new TypeError("expected a release with a refund query, got one without");
  return read(body, { ...context, api, queryApi: api });
}

interface Reading extends ReplyContext {
  /** How the reply is signed and which member holds the status. */
  readonly api: ReplySigning & Pick<Release, "status">;
  /** Set for a query. */
  readonly queryApi?: RefundQueryApi;
}

function read(body: Uint8Array, reading: Reading): RefundReport | FailedReply {
  let skewMs: number | undefined;
  try {
    const envelope = readEnvelope(body, reading);
    const signed = verifiedObject(envelope, reading);
    // 3.0.0's failures have none.
    const repliedAt = signed && timeOf(signed.object, "resTime", reading);
    if (repliedAt !== undefined) skewMs = checkTime(repliedAt, reading);
    return reportFrom(envelope, signed, { repliedAt, skewMs }, reading);
  } catch (error) {
    const failure = error instanceof MalformedError ? malformed(error.message) : error;
    if (failure instanceof DaxPayFailure) return { kind: "failure", failure, skewMs };
    throw error;
  }
}

/** The envelope's members by their types, before anything is trusted. */
interface Envelope {
  readonly object: JsonObject;
  readonly code: number;
  /** v4's unsigned failures have `message` in place of `msg`. */
  readonly text: string | undefined;
  readonly traceId: string | undefined;
  readonly data: JsonObject | undefined;
}

/** What a signature covers. */
interface Signed {
  readonly object: JsonObject;
  readonly proof: Proof;
}

function readEnvelope(body: Uint8Array, reading: Reading): Envelope {
  const json = parseBody(body, MAX_REPLY_BYTES);
  const traceId = optionalText(json, "traceId") ?? reading.traceId;
  const text = optionalText(json, "msg") ?? stringOf(json.members.get("message"));
  const data = json.members.get("data");
  if (data && data.type !== "object" && data.type !== "null") {
    throw malformed(`expected member "data" to be an object, got ${describeType(data)}`, { daxpayTraceId: traceId });
  }
  const options = { daxpayTraceId: traceId, ...textOptions(undefined, text, reading) };
  const code = codeOf(json, "code", options);
  if (reading.release.signing === "rsa" && json.members.get("code")?.type !== "number") {
    throw malformed('expected member "code" to be a number, got a string', options);
  }
  return { object: json, code, text, traceId, data: data?.type === "object" ? data : undefined };
}

/**
 * Returns the object whose signature was verified; undefined for a failure that carries none. Throws where a signature
 * is wrong, and where it is missing although the envelope's code is 0.
 */
function verifiedObject(envelope: Envelope, reading: Reading): Signed | undefined {
  const { api, signer } = reading;
  // Where `data` is signed, an envelope with a signature comes from another release; it must verify all the same.
  const candidates = [envelope.object, envelope.data].filter((object) => object !== undefined);
  const signedObject = api.signed === "data" ? envelope.data : envelope.object;
  let verified: Signed | undefined;
  for (const object of candidates) {
    const signature = optionalText(object, "sign");
    if (signature === undefined) continue;
    const proof = signer.verify(object, signature, api);
    if (!proof) throw unverified("its signature does not match", envelope, reading);
    if (object === signedObject) verified = { object, proof };
  }
  if (envelope.code === 0) {
    if (!verified) throw unverified("it carries no signature", envelope, reading);
    const ambiguity = signer.ambiguityOf(verified.object);
    if (ambiguity) throw unverified(`its signature fits other replies too: ${ambiguity}`, envelope, reading);
  }
  if (verified) checkReqId(verified.object, envelope, reading);
  return verified;
}

/**
 * Rejects the reply to another request. DaxPay's rejections before its handler may lack the reqId; what says something
 * about the refund may not.
 */
function checkReqId(verified: JsonObject, { code, text, traceId }: Envelope, { reqId }: Reading): void {
  if (reqId === undefined) return;
  const actual = optionalText(verified, "reqId");
  const needed = code === 0 || classifyCode(code, text ?? "").reason === "REFUND_NOT_FOUND";
  if (actual === reqId || (actual === undefined && !needed)) return;
  const got = actual === undefined ? "none" : JSON.stringify(actual.slice(0, 64));
  throw mismatched(`expected its "reqId" to be the request's, got ${got}`, traceId);
}

interface ReplyTime {
  /** Epoch milliseconds. */
  readonly repliedAt: number | undefined;
  readonly skewMs: number | undefined;
}

function reportFrom(
  envelope: Envelope,
  signed: Signed | undefined,
  { repliedAt, skewMs }: ReplyTime,
  reading: Reading,
): RefundReport | FailedReply {
  const { api, queryApi } = reading;
  const { traceId, data } = envelope;
  const failed = (classification: Classification, code: number, text: string): FailedReply => ({
    kind: "failure",
    failure: failureFrom(classification, code, { daxpayTraceId: traceId, ...textOptions(code, text, reading) }),
    skewMs,
  });
  if (envelope.code !== 0) {
    const text = envelope.text ?? "";
    const classification = classifyCode(envelope.code, text);
    // No release returns it unsigned, and a caller may refund again because of it.
    if (classification.reason === "REFUND_NOT_FOUND" && signed?.object !== envelope.object) {
      throw unverified("no signature covers its code", envelope, reading);
    }
    return failed(classification, envelope.code, text);
  }
  if (!data) throw malformed('expected member "data" with code 0, got none', { daxpayTraceId: traceId });
  const binding = bindingOf(data, reading, traceId);
  if (api.signed === "data") {
    const text = optionalText(data, "msg") ?? "";
    const code = codeOf(data, "data.code", { daxpayTraceId: traceId, ...textOptions(undefined, text, reading) });
    if (code !== 0) return failed(classifyDataCode(code, text), code, text);
  }
  if (queryApi && binding !== "REFUND") throw mismatched("expected it to name the refund, got no name", traceId);
  const adjust = data.members.get("adjust");
  if (adjust && adjust.type !== "boolean" && adjust.type !== "null") {
    throw malformed(`expected member "data.adjust" to be a boolean, got ${describeType(adjust)}`);
  }
  const daxpayStatus = optionalText(data, api.status);
  if (!daxpayStatus) throw malformed(`expected member "data.${api.status}", got none`, { daxpayTraceId: traceId });
  if (!signed || repliedAt === undefined || skewMs === undefined) {
    throw malformed('expected member "resTime", got none', { daxpayTraceId: traceId });
  }
  return {
    kind: "report",
    refundNo: optionalText(data, "refundNo"),
    bizRefundNo: optionalText(data, "bizRefundNo"),
    daxpayStatus,
    repliedAt,
    daxpayTraceId: traceId,
    skewMs,
    binding,
    proof: signed.proof,
    ...(queryApi && queriedMembers(data, queryApi, reading)),
  };
}

/** What only a query's reply holds. */
function queriedMembers(data: JsonObject, { amountUnit, orderNo }: RefundQueryApi, reading: Reading) {
  const amount = scalarText(data.members.get("amount"));
  const amountFen = amount === undefined ? undefined : fenFrom(amount, amountUnit);
  if (amount !== undefined && amountFen === undefined) {
    throw malformed(`expected member "data.amount" to be an exact amount in ${amountUnit}, got ${amount.slice(0, 40)}`);
  }
  return {
    orderNo: optionalText(data, orderNo),
    channel: optionalText(data, "channel"),
    amountFen,
    finishTime: timeOf(data, "finishTime", reading),
    errorMessage: textOptions(undefined, optionalText(data, "errorMsg"), reading).daxpayMessage,
    appId: optionalText(data, "appId"),
  };
}

function failureFrom(classification: Classification, code: number, options: FailureOptions): DaxPayFailure {
  const quoted = options.daxpayMessage ? ` ${JSON.stringify(options.daxpayMessage.slice(0, 200))}` : "";
  return new DaxPayFailure(classification.reason, `DaxPay returned code ${code}${quoted}`, {
    ...options,
    daxpayCode: code,
    retryDelayMs: classification.retryDelayMs,
    throttled: classification.throttled,
  });
}

/** Returns the skew in milliseconds. */
function checkTime(time: number, { now, maxSkewMs }: Reading): number {
  // DaxPay truncates its time to the second.
  const skewMs = now < time ? time - now : Math.min(0, time + 999 - now);
  if (Math.abs(skewMs) > maxSkewMs) {
    const got = `${Math.round(Math.abs(skewMs) / 1000)} s ${skewMs < 0 ? "before" : "after"} it`;
    throw mismatched(
      `expected its time within ${maxSkewMs / 1000} s of this service's clock, got ${got}`,
      undefined,
    );
  }
  return skewMs;
}

/** Members by which DaxPay's other replies and notices, signed with the same secret, name what they are about. */
const FOREIGN_IDS = ["orderNo", "bizOrderNo", "outOrderNo", "transferNo", "bizTransferNo", "allocNo", "bizAllocNo"];

/** Rejects a genuine reply about another refund, or about something else than a refund. */
function bindingOf(data: JsonObject, { query, queryApi, reqId }: Reading, traceId: string | undefined): Binding {
  const name = query.refundNo ? "refundNo" : "bizRefundNo";
  const actual = optionalText(data, name);
  if (actual === undefined) {
    // A query's failure holds the members of a refund as nulls; a sync's reply does not know them at all.
    const foreign = FOREIGN_IDS.find((id) => {
      const member = data.members.get(id);
      return member && !(queryApi && member.type === "null");
    });
    if (foreign) throw mismatched(`expected it to name the refund, got "${foreign}" instead`, traceId);
    return reqId === undefined ? "SECRET_ONLY" : "REQUEST";
  }
  if (actual !== query[name]) {
    const got = JSON.stringify(actual.slice(0, 100));
    throw mismatched(`expected its "${name}" to be ${JSON.stringify(query[name])}, got ${got}`, traceId);
  }
  return "REFUND";
}

function mismatched(what: string, daxpayTraceId: string | undefined): DaxPayFailure {
  return new DaxPayFailure("REPLY_MISMATCHED", `Cannot use the reply: ${what}`, { daxpayTraceId });
}

function unverified(what: string, envelope: Envelope, reading: Reading): DaxPayFailure {
  // Shown although unproven, so that people can look into it; the reason marks it. 2.x's failures are in `data`.
  const inner = reading.api.signed === "data" ? envelope.data : undefined;
  const code = integerOf(inner?.members.get("code")) || envelope.code;
  const text = stringOf(inner?.members.get("msg")) ?? envelope.text;
  return new DaxPayFailure("REPLY_UNVERIFIED", `Cannot trust the reply: ${what}`, {
    daxpayTraceId: envelope.traceId,
    ...(code === 0 ? {} : { daxpayCode: code, ...textOptions(code, text, reading) }),
  });
}

function malformed(what: string, options: FailureOptions = {}): DaxPayFailure {
  return new DaxPayFailure("REPLY_MALFORMED", `Cannot read the reply: ${what}`, options);
}

/** Where a text of DaxPay belongs: to callers, or to the log alone. */
function textOptions(
  code: number | undefined,
  text: string | undefined,
  reading: Reading,
): Pick<FailureOptions, "daxpayMessage" | "logDetail"> {
  const redacted = redact(text, reading);
  return redacted && showsInternals(code, redacted) ? { logDetail: redacted } : { daxpayMessage: redacted };
}

/** DaxPay knows the secret, 3.0.0 in capitals as well, and its texts go to callers and into the log. */
function redact(text: string | undefined, { signer: { secrets }, signature = "" }: Reading): string | undefined {
  if (!text) return text;
  // Shorter ones also stand in other words, and taking them out there would show them.
  const hidden = [...secrets, signature].filter((one) => one.length >= 6);
  const lower = text.toLowerCase();
  if (!hidden.some((one) => lower.includes(one.toLowerCase()))) return text;
  return text.replace(new RegExp(hidden.map((one) => RegExp.escape(one)).join("|"), "gi"), "[redacted]");
}

/** DaxPay's codes are JSON numbers; a development build between 2.0.5 and 2.0.6 wrote them as strings. */
function codeOf(object: JsonObject, path: "code" | "data.code", options: FailureOptions): number {
  const member = object.members.get("code");
  const code = integerOf(member);
  if (code === undefined) {
    throw malformed(
      `expected member "${path}" to be a whole number, got ${member ? preview(member) : "none"}`,
      options,
    );
  }
  return code;
}

function stringOf(member: Json | undefined): string | undefined {
  return member?.type === "string" ? member.value : undefined;
}
