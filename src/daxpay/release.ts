import type { Algorithm, SigningScheme } from "./sign.ts";
import { beijingText, epochSeconds, type TimeFormat, zonedText } from "./time.ts";

/** What DaxPay's administrators choose; which algorithm it stands for depends on the release. */
export const SIGN_TYPES = ["HMAC_SHA256", "MD5", "SM3"] as const;
export type SignType = typeof SIGN_TYPES[number];

/** How the replies of one of DaxPay's interfaces are signed. */
export interface ReplySigning {
  /** Which object of a reply carries the signature and is covered by it. */
  readonly signed: "data" | "envelope";
  /** Whether nested numbers are signed without trailing zeros (hutool's stripTrailingZeros): `100` for `100.0000`. */
  readonly trimZeros: boolean;
  /**
   * Members of `data` that are signed after all others, in this order, wherever the reply holds them: Jackson writes the
   * members of Java superclasses first, hutool signs them last.
   */
  readonly superclassLast: readonly string[];
}

/** The read-only query of a refund, which reads DaxPay's database only (UniQueryController). */
export interface RefundQueryApi extends ReplySigning {
  readonly path: string;
  /** The member of `data` that holds the status. */
  readonly status: "status";
  /** Unit of `data.amount`. */
  readonly amountUnit: "fen" | "yuan";
  /** The member of `data` that holds DaxPay's number of the payment. */
  readonly orderNo: "orderNo" | "tradeNo";
  /** Whether DAXPAY_QUERY=auto sends it: not where a sync is harmless to repeat and its reply is bound to its request. */
  readonly auto: boolean;
}

/** The notices that DaxPay POSTs to a merchant when a refund has ended. */
export interface NoticeFormat {
  /** Where the refund's members are: beside the signature, or in the envelope's `data`. The signature covers all. */
  readonly signed: "flat" | "envelope";
  /** In which orders the members of `data` may be signed; any may verify. */
  readonly orders: readonly ("received" | "sorted")[];
  /**
   * The member that names what the notice is about: `refund` in 3.0.0's noticeType, which only its subscriptions have,
   * `refund.` and the status in 4.x's event. Undefined where there is none.
   */
  readonly topic: "noticeType" | "event" | undefined;
  /** The member that holds DaxPay's number of the payment. */
  readonly orderNo: "orderNo" | "tradeNo";
}

/** A digest over the members and a secret (PaySignUtil). */
export interface DigestSigning {
  /** Whether the whole string, secret included, is upper-cased before it is hashed. */
  readonly upperCase: boolean;
  /** Which algorithm each sign type stands for on this release's server; a type that is missing does not exist there. */
  readonly algorithms: Readonly<Partial<Record<SignType, Algorithm>>>;
}

/**
 * One release of DaxPay as its refund sync behaves on the wire. Adding a release is adding a row.
 * DaxPay signs its own beans, so a member that a release does not know must be neither sent nor signed.
 */
export interface Release extends ReplySigning {
  /** Path of the sync. */
  readonly path: string;
  /** Whether a nonceStr is sent: never, only the caller's, or always (a fresh one where the caller gives none). */
  readonly nonce: "never" | "given" | "always";
  /** Members that name the caller to DaxPay, from the configuration. */
  readonly identity: readonly ("appId" | "mchNo")[];
  /** The same, where DaxPay does without them. */
  readonly optionalIdentity: readonly "appId"[];
  /** Whether a request carries a reqId of its own, which the signed reply repeats. */
  readonly reqId: boolean;
  readonly time: TimeFormat;
  /** `rsa`: SHA256withRSA over the flattened string, with the merchant's key and the platform's (DaxPay v4). */
  readonly signing: DigestSigning | "rsa";
  /** HTTP headers of every request. */
  readonly headers: Readonly<Record<string, string>>;
  /** The HTTP header of replies that holds DaxPay's trace id, where their body does not. */
  readonly traceHeader: "x-trace-id" | undefined;
  /** The member of the sync's `data` that holds the status. */
  readonly status: "status" | "orderStatus";
  /** Statuses that may change later although they sound final. */
  readonly provisional: readonly string[];
  /** Whether a closed refund may be synced again: on 3.x that books its amount back a second time. */
  readonly resyncsClosed: boolean;
  /**
   * How a refund is proven to be the configured application's before it is synced: 3.x syncs the refund of any application
   * with the asking one's channel configuration. beta4's query names the application; 3.0.0's look-up by bizRefundNo is
   * limited to it (RefundOrderManager).
   */
  readonly ownership: "none" | "appId" | "bizRefundNo";
  /** Whether syncs of one payment order must not overlap: beta4 writes the order's balance without a version check. */
  readonly locksOrder: boolean;
  /** Undefined where the release has no query that works: 2.0.6 looks a refund number up as a database id. */
  readonly query: RefundQueryApi | undefined;
  /** Undefined where none can be verified. */
  readonly notice: NoticeFormat | undefined;
}

/** 2.x and 3.x alike. */
const v2And3 = {
  optionalIdentity: [],
  reqId: false,
  headers: {},
  traceHeader: undefined,
} as const satisfies Partial<Release>;

/** 2.x alike: seconds, no upper-casing, `data` signed. A channel error never shows as a status there. */
const v2 = {
  ...v2And3,
  identity: [],
  time: epochSeconds,
  signing: { upperCase: false, algorithms: { HMAC_SHA256: "HMAC_SHA256", MD5: "MD5" } },
  signed: "data",
  trimZeros: false,
  superclassLast: [],
  status: "status",
  provisional: [],
  resyncsClosed: true,
  ownership: "none",
  locksOrder: false,
  query: undefined,
  notice: { signed: "flat", orders: ["received"], topic: undefined, orderNo: "orderNo" },
} as const satisfies Partial<Release>;

/** 2.0.7 and 2.0.8: flat `data`, amounts in fen. */
const v2Query = {
  path: "/unipay/query/refundOrder",
  signed: "data",
  trimZeros: false,
  superclassLast: [],
  status: "status",
  amountUnit: "fen",
  orderNo: "orderNo",
  auto: true,
} as const satisfies RefundQueryApi;

/** 3.x alike: zoned time texts, the envelope signed. A transient channel error sets the refund to `fail`. */
const v3 = {
  ...v2And3,
  path: "/unipay/sync/order/refund",
  nonce: "always",
  time: zonedText,
  signed: "envelope",
  trimZeros: false,
  superclassLast: [],
  status: "orderStatus",
  provisional: ["fail", "refund_fail", "pay_not_found"],
  resyncsClosed: false,
  locksOrder: false,
  notice: { signed: "envelope", orders: ["received"], topic: "noticeType", orderNo: "orderNo" },
} as const satisfies Partial<Release>;

/** 3.0.0: nested `data`, amounts in yuan. */
const v3Query = {
  path: "/unipay/query/refundOrder",
  signed: "envelope",
  trimZeros: true,
  superclassLast: [],
  status: "status",
  amountUnit: "yuan",
  orderNo: "orderNo",
  auto: true,
} as const satisfies RefundQueryApi;

/** v4: the flattened string needs no knowledge of DaxPay's beans. */
const v4Reply = { signed: "envelope", trimZeros: false, superclassLast: [] } as const satisfies ReplySigning;

/** The releases by their names in DAXPAY_RELEASE, oldest first. */
export const RELEASES = {
  /** The interface page word for word; no known DaxPay serves refunds at its path. */
  documented: { ...v2, path: "/unipay/sync/pay", nonce: "given", notice: undefined },
  "2.0.6": { ...v2, path: "/unipay/syncRefund", nonce: "never" },
  "2.0.7": { ...v2, path: "/unipay/sync/refund", nonce: "never", query: v2Query },
  "2.0.8": { ...v2, path: "/unipay/sync/refund", nonce: "always", query: v2Query },
  "3.0.0-beta4": {
    ...v3,
    identity: ["appId"],
    ownership: "appId",
    locksOrder: true,
    signing: { upperCase: false, algorithms: { HMAC_SHA256: "HMAC_SHA256", MD5: "MD5", SM3: "SM3" } },
    // RefundOrderResult extends MchAppResult (appId), which extends BaseResult (id, createTime).
    query: { ...v3Query, superclassLast: ["appId", "id", "createTime"] },
  },
  "3.0.0": {
    ...v3,
    identity: ["appId", "mchNo"],
    ownership: "bizRefundNo",
    // The server computes MD5 where SM3 is chosen (PaymentAssistService of 3.0.0).
    signing: { upperCase: true, algorithms: { HMAC_SHA256: "HMAC_SHA256", MD5: "MD5", SM3: "MD5" } },
    query: v3Query,
    // The server signs a notice's `data` as a map, which PaySignUtil sorts; builds shortly before 3.0.0 did not yet.
    notice: { ...v3.notice, orders: ["sorted", "received"] },
  },
  /**
   * DaxPay Open from about 2026-09-11 on (commit da838d25); earlier betas sign other strings. A final refund is answered
   * from DaxPay's database, and any other is settled under a lock, so that syncing again is harmless.
   */
  "4.0.0-beta": {
    path: "/unipay/sync/order/refund",
    nonce: "always",
    identity: ["mchNo"],
    optionalIdentity: ["appId"],
    reqId: true,
    time: beijingText,
    signing: "rsa",
    // DaxPay translates its texts, of which some tell apart what has one code.
    headers: { "accept-language": "zh-CN" },
    traceHeader: "x-trace-id",
    ...v4Reply,
    status: "orderStatus",
    provisional: [],
    resyncsClosed: true,
    ownership: "none",
    locksOrder: false,
    query: {
      ...v4Reply,
      path: "/unipay/query/refund-order",
      status: "status",
      amountUnit: "fen",
      orderNo: "tradeNo",
      auto: false,
    },
    notice: { signed: "envelope", orders: ["received"], topic: "event", orderNo: "tradeNo" },
  },
} as const satisfies Record<string, Release>;

export type ReleaseName = keyof typeof RELEASES;
export const RELEASE_NAMES = Object.keys(RELEASES) as ReleaseName[];

/** Whether the release signs with keys in place of a secret. */
export function signsWithKeys(name: ReleaseName): boolean {
  const { signing }: Release = RELEASES[name];
  return signing === "rsa";
}

/** The sign types of a release; none where it signs with keys. */
export function signTypesOf({ signing }: Release): DigestSigning["algorithms"] {
  return signing === "rsa" ? {} : signing.algorithms;
}

/** Throws a RangeError if the release has no such sign type, which no valid configuration names. */
export function signingScheme(name: ReleaseName, signType: SignType): SigningScheme {
  const release: Release = RELEASES[name];
  const algorithms = signTypesOf(release);
  const algorithm = algorithms[signType];
  if (release.signing === "rsa" || !algorithm) {
    const types = Object.keys(algorithms).join(", ") || "no sign type";
    throw new RangeError(`expected ${types} for DaxPay ${name}, got ${signType}`);
  }
  return { algorithm, upperCase: release.signing.upperCase };
}
