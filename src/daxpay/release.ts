import type { Algorithm } from "./sign.ts";
import { epochSeconds, type TimeFormat, zonedText } from "./time.ts";

/** What DaxPay's administrators choose; which algorithm it stands for depends on the release. */
export const SIGN_TYPES = ["HMAC_SHA256", "MD5", "SM3"] as const;
export type SignType = typeof SIGN_TYPES[number];

/**
 * One release of DaxPay as its refund sync behaves on the wire. Adding a release is adding a row.
 * DaxPay signs its own beans, so a member that a release does not know must be neither sent nor signed.
 */
export interface Release {
  readonly path: string;
  /** Whether a nonceStr is sent: never, when the caller gave one, or always (a fresh one where the caller gave none). */
  readonly nonce: "never" | "given" | "always";
  /** Members that name the caller to DaxPay, from the configuration. */
  readonly identity: readonly ("appId" | "mchNo")[];
  readonly time: TimeFormat;
  readonly upperCase: boolean;
  /** Which algorithm each sign type stands for on this release's server; a type that is missing does not exist there. */
  readonly algorithms: Readonly<Partial<Record<SignType, Algorithm>>>;
  /** Which object of a reply carries the signature and is covered by it. */
  readonly signed: "data" | "envelope";
  /** The member of `data` that holds the status. */
  readonly status: "status" | "orderStatus";
  /** Statuses that may change later although they sound final. */
  readonly provisional: readonly string[];
  /** Whether a closed refund may be synced again: on 3.x that books its amount back a second time. */
  readonly resyncsClosed: boolean;
}

/** 2.x alike: seconds, no upper-casing, `data` signed. A channel error never shows as a status there. */
const v2 = {
  identity: [],
  time: epochSeconds,
  upperCase: false,
  algorithms: { HMAC_SHA256: "HMAC_SHA256", MD5: "MD5" },
  signed: "data",
  status: "status",
  provisional: [],
  resyncsClosed: true,
} as const satisfies Partial<Release>;

/** 3.x alike: zoned time texts, the envelope signed. A passing channel error sets the refund to `fail`. */
const v3 = {
  path: "/unipay/sync/order/refund",
  nonce: "always",
  time: zonedText,
  signed: "envelope",
  status: "orderStatus",
  provisional: ["fail", "refund_fail", "pay_not_found"],
  resyncsClosed: false,
} as const satisfies Partial<Release>;

/** The releases by their names in DAXPAY_RELEASE, oldest last-seen behaviour first. */
export const RELEASES = {
  /** The interface page word for word; no known DaxPay serves refunds at its path. */
  documented: { ...v2, path: "/unipay/sync/pay", nonce: "given" },
  "2.0.6": { ...v2, path: "/unipay/syncRefund", nonce: "never" },
  "2.0.7": { ...v2, path: "/unipay/sync/refund", nonce: "never" },
  "2.0.8": { ...v2, path: "/unipay/sync/refund", nonce: "always" },
  "3.0.0-beta4": {
    ...v3,
    identity: ["appId"],
    upperCase: false,
    algorithms: { HMAC_SHA256: "HMAC_SHA256", MD5: "MD5", SM3: "SM3" },
  },
  "3.0.0": {
    ...v3,
    identity: ["appId", "mchNo"],
    upperCase: true,
    // The server computes MD5 where SM3 is chosen (PaymentAssistService of 3.0.0).
    algorithms: { HMAC_SHA256: "HMAC_SHA256", MD5: "MD5", SM3: "MD5" },
  },
} as const satisfies Record<string, Release>;

export type ReleaseName = keyof typeof RELEASES;
export const RELEASE_NAMES = Object.keys(RELEASES) as ReleaseName[];
