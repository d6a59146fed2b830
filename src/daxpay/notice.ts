import type { Json, JsonObject } from "./json.ts";
import { describeType, integerOf, MalformedError, optionalText, parseBody, preview, timeOf } from "./member.ts";
import type { DaxPayOptions } from "./client.ts";
import { type NoticeFormat, type Release, RELEASES } from "./release.ts";
import { createSigners, type Signer } from "./signer.ts";

/** More than any notice has. */
export const MAX_NOTICE_BYTES = 64 * 1024;

/**
 * What DaxPay says about a refund that has ended, as a verified signature proves it. Times are epoch milliseconds, to the
 * second. A notice may come late, often and in any order, and anyone may replay it: it is a reason to query, not a state.
 */
export interface Notice {
  readonly kind: "notice";
  readonly refundNo: string;
  readonly bizRefundNo: string | undefined;
  /** DaxPay's own spelling: `success`, `close` or `fail` in every known release. */
  readonly daxpayStatus: string;
  /** When DaxPay signed it: on 2.x once, elsewhere at every attempt to deliver it. */
  readonly noticedAt: number;
  /** When the refund ended; releases set it for some endings only. */
  readonly finishTime: number | undefined;
  /** DaxPay's number of the payment; unknown to 2.0.6. */
  readonly orderNo: string | undefined;
  /** Undefined on 2.x, which has no applications. */
  readonly appId: string | undefined;
  /** Undefined before 3.0.0. */
  readonly mchNo: string | undefined;
  /** The same at every attempt to deliver a notice; known to later states of 4.0.0-beta only. */
  readonly eventId: string | undefined;
}

/** Why a notice is rejected. Whatever precedes the signature's verification proves nothing about the sender. */
export type NoticeRejectionReason =
  /** The release has no notice that can be verified. */
  | "UNSUPPORTED"
  | "MALFORMED"
  /** Its form is another release's. */
  | "OTHER_RELEASE"
  /** Its signature is missing or wrong, or fits other notices too. */
  | "UNVERIFIED"
  /** Genuine, but about a payment or a transfer. */
  | "NOT_A_REFUND"
  /** Genuine, but about another application's or merchant's refund. */
  | "OTHER_APPLICATION";

export interface NoticeRejection {
  readonly kind: "rejection";
  readonly reason: NoticeRejectionReason;
  /** For the log; holds no secret. */
  readonly message: string;
}

export interface NoticeContext {
  readonly release: Release;
  readonly signer: Pick<Signer, "verify">;
  /** Empty where the configuration has none. */
  readonly appId: string;
  readonly mchNo: string;
  readonly timeZone: string;
  /** When the notice arrived, in epoch milliseconds. */
  readonly now: number;
}

/** Thrown and caught in this file. */
class Rejected extends Error {
  readonly reason: NoticeRejectionReason;

  constructor(reason: NoticeRejectionReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** Returns what verifies and reads the notices of an account. `now` is in epoch milliseconds. */
export function createNoticeReader(options: DaxPayOptions, now: () => number) {
  const { appId = "", mchNo = "", timeZone } = options;
  const release: Release = RELEASES[options.release];
  // Each verifies by all secrets and keys.
  const [signer] = createSigners(options.release, options);
  return (body: Uint8Array): Notice | NoticeRejection =>
    readNotice(body, { appId, mchNo, release, signer, timeZone, now: now() });
}

/** Verifies and reads the body of a notice, untrusted bytes. Never throws. */
export function readNotice(body: Uint8Array, context: NoticeContext): Notice | NoticeRejection {
  try {
    return read(body, context);
  } catch (error) {
    const rejected = error instanceof MalformedError ? malformed(error.message) : error;
    if (rejected instanceof Rejected) return { kind: "rejection", reason: rejected.reason, message: rejected.message };
    throw error;
  }
}

function read(body: Uint8Array, context: NoticeContext): Notice {
  const { release, signer } = context;
  const format = release.notice;
  if (!format) throw new Rejected("UNSUPPORTED", "This release of DaxPay has no notices that can be verified");
  const object = parseBody(body, MAX_NOTICE_BYTES);
  const refund = refundOf(object, format);
  const signature = optionalText(object, "sign");
  if (!signature) throw unverified("it carries no signature");
  // DaxPay parses what it writes into a notice from JSON, so that a Java superclass's members have no place of their own.
  const verified = format.orders.some((order) =>
    signer.verify(object, signature, { trimZeros: true, superclassLast: [], sortedNames: order === "sorted" })
  );
  if (!verified) throw unverified("its signature does not match");
  const ambiguity = ambiguityOf(object);
  if (ambiguity) throw unverified(`its signature fits other notices too: ${ambiguity}`);
  return noticeFrom(object, refund, format, context);
}

/** Returns the object that holds the refund's members, by the form alone. */
function refundOf(object: JsonObject, { signed, topic }: NoticeFormat): JsonObject {
  const { members } = object;
  const data = members.get("data");
  if (signed === "flat") {
    if (data?.type === "object") throw otherRelease('the refund beside its signature, got a member "data"');
    return object;
  }
  if (data?.type !== "object") {
    if (members.has("refundNo")) throw otherRelease('the refund in a member "data", got it beside the signature');
    throw malformed(`expected member "data" to be an object, got ${data ? describeType(data) : "none"}`);
  }
  if (topic === "event" && !members.has("event")) throw otherRelease('a member "event", got none');
  if (topic !== "event" && members.has("event")) throw otherRelease('no member "event", got one');
  return data;
}

/** Members that are read. Their names in a text might have been members of another notice that has the same string. */
const READ = [
  "code",
  "resTime",
  "noticeType",
  "event",
  "eventId",
  "refundNo",
  "bizRefundNo",
  "status",
  "finishTime",
  "orderNo",
  "tradeNo",
  "appId",
  "mchNo",
  "data",
];
const READ_BY_FOLDED = new Map(READ.map((name) => [name.toLowerCase(), name]));
/** How a member starts in a signed string: after `&` on all releases, within 3.x's `data` also after a comma or brace. */
const MEMBER_START = new RegExp(`[&,{](?:${READ.join("|")})[=:.[]`, "i");

/**
 * Returns why another notice could have the same signed string, and so the same signature. No release escapes anything in
 * that string, and texts of the payer or the merchant, like the reason of a refund, are in it.
 */
function ambiguityOf(value: Json): string | undefined {
  switch (value.type) {
    case "string":
      // Before 4.x quotes and backslashes are deleted from the string.
      return MEMBER_START.test(value.value.replace(/["\\]/g, "")) ? "a text contains the start of a member" : undefined;
    case "array":
      return value.items.map(ambiguityOf).find((ambiguity) => ambiguity !== undefined);
    case "object":
      for (const [name, member] of value.members) {
        if (!/^\w+$/.test(name)) return "the name of a member is no word";
        // 3.0.0 upper-cases the string, so that a member that is read could be hidden by its case.
        if ((READ_BY_FOLDED.get(name.toLowerCase()) ?? name) !== name) return "the name of a member has another case";
        const inner = ambiguityOf(member);
        if (inner) return inner;
      }
  }
}

function noticeFrom(object: JsonObject, refund: JsonObject, format: NoticeFormat, context: NoticeContext): Notice {
  const { release } = context;
  const code = object.members.get("code");
  if (integerOf(code) !== 0) throw malformed(`expected member "code" to be 0, got ${code ? preview(code) : "none"}`);
  const topic = format.topic && optionalText(object, format.topic);
  if (topic !== undefined && !/^refund(\.|$)/.test(topic)) {
    throw new Rejected("NOT_A_REFUND", `Expected a notice about a refund, got ${JSON.stringify(topic.slice(0, 40))}`);
  }
  const refundNo = optionalText(refund, "refundNo");
  if (!refundNo) throw new Rejected("NOT_A_REFUND", 'Expected a notice about a refund, got one without "refundNo"');
  // 3.0.0-beta4 names the application within `data`.
  const appId = ownId("appId", optionalText(object, "appId") ?? optionalText(refund, "appId"), context);
  const mchNo = ownId("mchNo", optionalText(object, "mchNo"), context);
  // The platform's key signs the notices of all its merchants.
  if (release.signing === "rsa" && mchNo === undefined) throw malformed('expected member "mchNo", got none');
  const daxpayStatus = optionalText(refund, "status");
  if (!daxpayStatus) throw malformed('expected member "status", got none');
  const noticedAt = timeOf(object, "resTime", context);
  if (noticedAt === undefined) throw malformed('expected member "resTime", got none');
  return {
    kind: "notice",
    refundNo,
    bizRefundNo: optionalText(refund, "bizRefundNo"),
    daxpayStatus,
    noticedAt,
    finishTime: timeOf(refund, "finishTime", context),
    orderNo: optionalText(refund, format.orderNo),
    appId,
    mchNo,
    eventId: optionalText(object, "eventId"),
  };
}

/** Returns the number that a notice names, unless it is not the configured one. */
function ownId(name: "appId" | "mchNo", actual: string | undefined, context: NoticeContext): string | undefined {
  const expected = context[name];
  if (actual === undefined || expected === "" || actual === expected) return actual;
  const got = JSON.stringify(actual.slice(0, 40));
  throw new Rejected("OTHER_APPLICATION", `Expected "${name}" to be ${JSON.stringify(expected)}, got ${got}`);
}

function malformed(what: string): Rejected {
  return new Rejected("MALFORMED", `Cannot read the notice: ${what}`);
}

function unverified(what: string): Rejected {
  return new Rejected("UNVERIFIED", `Cannot trust the notice: ${what}`);
}

function otherRelease(what: string): Rejected {
  return new Rejected("OTHER_RELEASE", `Cannot verify the notice: expected ${what}, as another release writes it`);
}
