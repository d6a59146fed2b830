import type { Release } from "./release.ts";
import type { Signer } from "./signer.ts";

/** Names a refund by either number; with both, refundNo decides. Empty texts count as not given. */
export interface RefundQuery {
  readonly refundNo: string;
  readonly bizRefundNo: string;
  readonly clientIp: string;
  readonly nonceStr: string;
}

export interface RequestOptions {
  readonly release: Release;
  readonly signer: Pick<Signer, "sign">;
  /** The configured values of the release's identity members. */
  readonly identity: Readonly<Record<"appId" | "mchNo", string>>;
  readonly timeZone: string;
  /** Epoch milliseconds. */
  readonly now: number;
  /** Returns a fresh nonce, at most 32 characters. */
  readonly nonce: () => string;
}

export interface SignedRequest {
  /** JSON. */
  readonly body: string;
  /** As in the body; redacted from everything that is passed on. */
  readonly signature: string;
  /** As in the body; undefined where the release has none. */
  readonly reqId: string | undefined;
}

/**
 * Builds the signed request of a sync or query, which are alike: exactly the members that the release knows, the caller's
 * only where they are not empty. Every attempt needs its own, since releases reject old times and may reject a used nonce.
 */
export function signedRequest(query: RefundQuery, options: RequestOptions): SignedRequest {
  const { release } = options;
  const members: Record<string, string | number> = {};
  if (query.refundNo) members.refundNo = query.refundNo;
  if (query.bizRefundNo) members.bizRefundNo = query.bizRefundNo;
  for (const name of release.identity) members[name] = options.identity[name];
  for (const name of release.optionalIdentity) {
    if (options.identity[name]) members[name] = options.identity[name];
  }
  if (query.clientIp) members.clientIp = query.clientIp;
  const nonceStr = nonceOf(query, options);
  if (nonceStr) members.nonceStr = nonceStr;
  const reqId = release.reqId ? options.nonce() : undefined;
  if (reqId) members.reqId = reqId;
  members.reqTime = release.time.write(options.now, options.timeZone);
  const texts = Object.entries(members).map(([name, value]) => [name, String(value)] as const);
  const signature = options.signer.sign(texts);
  return { body: JSON.stringify({ ...members, sign: signature }), signature, reqId };
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
