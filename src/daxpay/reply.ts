import { type Classification, classifyCode, classifyDataCode } from "./code.ts";
import { DaxPayFailure } from "./failure.ts";
import { type Json, type JsonObject, parseJson } from "./json.ts";
import type { Release } from "./release.ts";
import type { RefundQuery } from "./request.ts";
import { signedMembers, type SigningScheme, verify } from "./sign.ts";

/** More than any DaxPay reply has; what is larger is not read to its end. */
export const MAX_REPLY_BYTES = 64 * 1024;

/** A refund's state as a verified signature proves it. */
export interface RefundReport {
  readonly kind: "report";
  /** As in the reply; undefined where the reply does not name it, as no known release does. */
  readonly refundNo: string | undefined;
  readonly bizRefundNo: string | undefined;
  /** DaxPay's own spelling. */
  readonly daxpayStatus: string;
  /** Milliseconds since 1970, to the second. */
  readonly repliedAt: number;
  readonly daxpayTraceId: string | undefined;
  /** How far DaxPay's clock was ahead of ours, in milliseconds; negative: behind. */
  readonly skewMs: number;
}

/** An answer without a state. */
export interface FailedReply {
  readonly kind: "failure";
  readonly failure: DaxPayFailure;
  /** As in RefundReport, where a verified reply told its time. */
  readonly skewMs: number | undefined;
}

export interface ReplyContext {
  readonly release: Release;
  readonly rule: SigningScheme;
  /** Any of them may have signed. */
  readonly secrets: readonly string[];
  readonly query: RefundQuery;
  /** Of the request: no text that is passed on repeats it, nor a secret. */
  readonly signature?: string;
  readonly timeZone: string;
  /** Milliseconds since 1970 when the reply arrived. */
  readonly now: number;
  readonly maxSkewMs: number;
}

/**
 * Reads an HTTP 200 body of at most MAX_REPLY_BYTES as untrusted bytes. Never throws; a report comes out only where a
 * signature verifies over the members as received, and the reply is of the refund and the time asked for.
 */
export function readReply(body: Uint8Array, context: ReplyContext): RefundReport | FailedReply {
  let skewMs: number | undefined;
  try {
    const envelope = readEnvelope(body, context);
    const signed = verifiedObject(envelope, context);
    if (signed) {
      const time = timeOf(signed, context);
      if (time) skewMs = checkTime(time, context);
    }
    return reportFrom(envelope, signed, skewMs, context);
  } catch (error) {
    if (error instanceof DaxPayFailure) return { kind: "failure", failure: error, skewMs };
    throw error;
  }
}

/** The envelope's members by their types, before anything is believed. */
interface Envelope {
  readonly object: JsonObject;
  readonly code: number;
  readonly text: string | undefined;
  readonly traceId: string | undefined;
  readonly data: JsonObject | undefined;
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

function readEnvelope(body: Uint8Array, context: ReplyContext): Envelope {
  if (body.length > MAX_REPLY_BYTES) throw malformed(`it is larger than ${MAX_REPLY_BYTES} bytes`);
  let json: Json;
  try {
    json = parseJson(utf8.decode(body));
  } catch (error) {
    throw malformed(`it is not usable JSON: ${(error as Error).message.slice(0, 200)}`);
  }
  if (json.type !== "object") throw malformed(`found ${describeType(json)}, wanted an object`);
  const traceId = optionalText(json, "traceId");
  const text = redact(optionalText(json, "msg"), context);
  const data = json.members.get("data");
  if (data && data.type !== "object" && data.type !== "null") {
    throw malformed(`member "data" is ${describeType(data)}, wanted an object`, { daxpayTraceId: traceId });
  }
  const code = codeOf(json, "code", { daxpayTraceId: traceId, daxpayMessage: text });
  return { object: json, code, text, traceId, data: data?.type === "object" ? data : undefined };
}

/**
 * The object whose signature was verified; undefined for a failure that carries none. Throws where a signature is
 * wrong, and where one is missing although the envelope promises a result.
 */
function verifiedObject(envelope: Envelope, context: ReplyContext): JsonObject | undefined {
  // Where the release signs `data`, an envelope with a signature comes from another release; it must verify all the same.
  const candidates = [envelope.object, envelope.data].filter((object) => object !== undefined);
  const carrier = context.release.signed === "data" ? envelope.data : envelope.object;
  let verified: JsonObject | undefined;
  for (const object of candidates) {
    const signature = optionalText(object, "sign");
    if (signature === undefined) continue;
    const members = signedMembers(object);
    if (!context.secrets.some((secret) => verify(members, signature, secret, context.rule))) {
      throw unverified("its signature does not match", envelope, context);
    }
    if (object === carrier) verified = object;
  }
  if (!verified && envelope.code === 0) throw unverified("it carries no signature", envelope, context);
  return verified;
}

function reportFrom(
  envelope: Envelope,
  signed: JsonObject | undefined,
  skewMs: number | undefined,
  context: ReplyContext,
): RefundReport | FailedReply {
  const { release } = context;
  const { traceId, data } = envelope;
  if (envelope.code !== 0) {
    const text = envelope.text ?? "";
    const meaning = classifyCode(envelope.code, text);
    // No release says so unsigned, and a caller may refund again because of it.
    if (meaning.reason === "REFUND_NOT_FOUND" && signed !== envelope.object) {
      throw unverified("no signature covers its code", envelope, context);
    }
    return {
      kind: "failure",
      failure: failureFrom(meaning, { daxpayCode: envelope.code, daxpayMessage: text, daxpayTraceId: traceId }),
      skewMs,
    };
  }
  if (!data) throw malformed('member "data" is missing although the code is 0', { daxpayTraceId: traceId });
  checkRefundIdentity(data, context, traceId);
  if (release.signed === "data") {
    const text = redact(optionalText(data, "msg"), context) ?? "";
    const code = codeOf(data, "data.code", { daxpayTraceId: traceId, daxpayMessage: text });
    if (code !== 0) {
      return {
        kind: "failure",
        failure: failureFrom(classifyDataCode(code, text), {
          daxpayCode: code,
          daxpayMessage: text,
          daxpayTraceId: traceId,
        }),
        skewMs,
      };
    }
  }
  const word = optionalText(data, release.status);
  if (!word) throw malformed(`member "data.${release.status}" is missing`, { daxpayTraceId: traceId });
  const time = signed && timeOf(signed, context);
  if (!time || skewMs === undefined) throw malformed('member "resTime" is missing', { daxpayTraceId: traceId });
  return {
    kind: "report",
    refundNo: optionalText(data, "refundNo"),
    bizRefundNo: optionalText(data, "bizRefundNo"),
    daxpayStatus: word,
    repliedAt: time,
    daxpayTraceId: traceId,
    skewMs,
  };
}

function failureFrom(
  meaning: Classification,
  details: { daxpayCode: number; daxpayMessage: string; daxpayTraceId: string | undefined },
) {
  return new DaxPayFailure(
    meaning.reason,
    `DaxPay returned code ${details.daxpayCode}${
      details.daxpayMessage ? ` ${JSON.stringify(details.daxpayMessage.slice(0, 200))}` : ""
    }`,
    { ...details, retryDelayMs: meaning.retryAfterMs, throttled: meaning.throttled },
  );
}

/** Milliseconds since 1970; undefined where the reply does not tell its time, as 3.0.0's failures do not. */
function timeOf(signed: JsonObject, { release, timeZone }: ReplyContext): number | undefined {
  const member = signed.members.get("resTime");
  if (!member || member.type === "null") return undefined;
  const text = member.type === "number" ? member.text : member.type === "string" ? member.value : undefined;
  const time = text === undefined ? undefined : release.time.read(text, timeZone);
  if (time === undefined) {
    throw malformed(`member "resTime" is ${preview(member)}, wanted ${release.time.wanted}`);
  }
  return time;
}

function checkTime(time: number, { now, maxSkewMs }: ReplyContext): number {
  // DaxPay cuts the milliseconds off.
  const skewMs = now < time ? time - now : Math.min(0, time + 999 - now);
  if (Math.abs(skewMs) > maxSkewMs) {
    throw new DaxPayFailure(
      "REPLY_MISMATCHED",
      `Cannot use the reply: its time is ${Math.round(Math.abs(skewMs) / 1000)} s ${
        skewMs < 0 ? "before" : "after"
      } this service's clock, wanted at most ${maxSkewMs / 1000} s`,
    );
  }
  return skewMs;
}

/** Members by which DaxPay's other replies and notices, signed with the same secret, name what they are about. */
const FOREIGN_IDS = ["orderNo", "bizOrderNo", "outOrderNo", "transferNo", "bizTransferNo", "allocNo", "bizAllocNo"];

/** Refuses a genuine reply about something else that was put in the place of the one asked for. */
function checkRefundIdentity(data: JsonObject, { query }: ReplyContext, traceId: string | undefined): void {
  const member = query.refundNo ? "refundNo" : "bizRefundNo";
  const found = optionalText(data, member);
  if (found !== undefined && found !== query[member]) {
    throw new DaxPayFailure(
      "REPLY_MISMATCHED",
      `Cannot use the reply: its "${member}" is ${JSON.stringify(found.slice(0, 100))}, wanted ${
        JSON.stringify(query[member])
      }`,
      { daxpayTraceId: traceId },
    );
  }
  const other = found === undefined && FOREIGN_IDS.find((name) => data.members.has(name));
  if (other) {
    throw new DaxPayFailure(
      "REPLY_MISMATCHED",
      `Cannot use the reply: it has "${other}" and does not name the refund, so it answers another question`,
      { daxpayTraceId: traceId },
    );
  }
}

function unverified(what: string, envelope: Envelope, context: ReplyContext): DaxPayFailure {
  // 2.x tells its failures in `data`. Shown so that people can look into it, and marked by the reason as unproven.
  const inner = context.release.signed === "data" ? envelope.data : undefined;
  const code = integerOf(inner?.members.get("code")) || envelope.code;
  const text = inner?.members.get("msg");
  return new DaxPayFailure("REPLY_UNVERIFIED", `Cannot trust the reply: ${what}`, {
    daxpayTraceId: envelope.traceId,
    ...(code === 0
      ? {}
      : { daxpayCode: code, daxpayMessage: text?.type === "string" ? redact(text.value, context) : envelope.text }),
  });
}

function malformed(what: string, details: { daxpayTraceId?: string; daxpayMessage?: string } = {}): DaxPayFailure {
  return new DaxPayFailure("REPLY_MALFORMED", `Cannot read the reply: ${what}`, details);
}

/** DaxPay knows the secret, 3.0.0 in capitals as well, and what its texts echo goes to callers and into the log. */
function redact(text: string | undefined, { secrets, signature = "" }: ReplyContext): string | undefined {
  if (!text) return text;
  // A few characters also stand in other words, and taking them out there would show them.
  const hidden = [...secrets, signature].filter((one) => one.length >= 6);
  const lower = text.toLowerCase();
  if (!hidden.some((one) => lower.includes(one.toLowerCase()))) return text;
  return text.replace(new RegExp(hidden.map((one) => RegExp.escape(one)).join("|"), "gi"), "[redacted]");
}

/** DaxPay's codes are JSON numbers; a development build between 2.0.5 and 2.0.6 wrote them as strings. */
function codeOf(
  object: JsonObject,
  path: "code" | "data.code",
  details: { daxpayTraceId: string | undefined; daxpayMessage: string | undefined },
): number {
  const member = object.members.get("code");
  const code = integerOf(member);
  if (code === undefined) {
    throw malformed(`member "${path}" is ${member ? preview(member) : "missing"}, wanted a whole number`, details);
  }
  return code;
}

function integerOf(member: Json | undefined): number | undefined {
  const text = member?.type === "number" ? member.text : member?.type === "string" ? member.value : "";
  return /^-?\d{1,9}$/.test(text) ? Number(text) : undefined;
}

function optionalText(object: JsonObject, name: string): string | undefined {
  const member = object.members.get(name);
  if (!member || member.type === "null") return undefined;
  if (member.type !== "string") throw malformed(`member "${name}" is ${describeType(member)}, wanted a string`);
  return member.value;
}

function preview(member: Json): string {
  if (member.type === "string") return JSON.stringify(member.value.slice(0, 40));
  return member.type === "number" ? member.text.slice(0, 40) : describeType(member);
}

function describeType(json: Json): string {
  return json.type === "null" ? "null" : /^[ao]/.test(json.type) ? `an ${json.type}` : `a ${json.type}`;
}
