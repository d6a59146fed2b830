import type { Release } from "./release.ts";
import { sign, type SignRule } from "./sign.ts";

/** The refund that is asked for, by either number; with both, refundNo decides. Empty texts count as not given. */
export interface RefundQuery {
  readonly refundNo: string;
  readonly bizRefundNo: string;
  readonly clientIp: string;
  readonly nonceStr: string;
}

export interface RequestOptions {
  readonly release: Release;
  readonly rule: SignRule;
  readonly secret: string;
  /** The configured values of the release's identity members. */
  readonly identity: Readonly<Record<"appId" | "mchNo", string>>;
  readonly timeZone: string;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Makes a fresh nonce, at most 32 characters. */
  readonly nonce: () => string;
}

/**
 * The JSON body of a signed sync request: exactly the members that the release knows, those of a query only where they are not empty.
 * Every attempt needs a body of its own, since releases refuse old times and may refuse a nonce seen before.
 */
export function requestBody(query: RefundQuery, options: RequestOptions): string {
  const { release } = options;
  const members: [name: string, value: string | number][] = [];
  const add = (name: string, value: string | number) => value === "" || members.push([name, value]);
  add("refundNo", query.refundNo);
  add("bizRefundNo", query.bizRefundNo);
  for (const name of release.identity) members.push([name, options.identity[name]]);
  add("clientIp", query.clientIp);
  add("nonceStr", nonceOf(query, options));
  add("reqTime", release.time.write(options.now, options.timeZone));
  const texts = members.map(([name, value]) => [name, String(value)] as const);
  add("sign", sign(texts, options.secret, options.rule));
  return JSON.stringify(Object.fromEntries(members));
}

function nonceOf(query: RefundQuery, { release, nonce }: RequestOptions): string {
  switch (release.nonce) {
    case "never":
      return "";
    case "given":
      return query.nonceStr;
    case "always":
      return query.nonceStr || nonce();
  }
}
