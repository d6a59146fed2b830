import type { Evidence } from "./evidence.ts";
import { DaxPayFailure, type Step } from "./failure.ts";
import { createHttp, endpoint, type HttpReply } from "./http.ts";
import { failureFromHttpStatus } from "./http-status.ts";
import { readQueryReply, readReply, type RefundReport } from "./reply.ts";
import { type Release, type ReleaseName, RELEASES } from "./release.ts";
import { type RefundQuery, signedRequest } from "./request.ts";
import { createSigners, type SigningKeys } from "./signer.ts";

/** Which DaxPay to call, and as whom. */
export interface DaxPayOptions extends SigningKeys {
  /** Base address; may hold a path prefix. */
  readonly url: URL;
  readonly release: ReleaseName;
  /** Replaces the release's path of the sync. */
  readonly path?: string;
  readonly appId?: string;
  readonly mchNo?: string;
  /** Sent where the caller gives none. */
  readonly clientIp?: string;
  /** Milliseconds until a reply must be complete. */
  readonly timeoutMs: number;
  /** IANA name of the zone of 3.x's time texts; see `isTimeZone`. */
  readonly timeZone: string;
  /** Milliseconds by which a reply's time may differ from our clock. */
  readonly maxSkewMs: number;
}

export interface ClientDeps {
  readonly fetch: typeof fetch;
  /** Wall clock, in epoch milliseconds. */
  readonly now: () => number;
  /** Returns a fresh nonce, at most 32 characters. */
  readonly nonce: () => string;
}

export interface SyncOptions {
  /** Aborts the request; the call then throws this signal's reason. */
  readonly signal?: AbortSignal;
  /** Whether this retries an earlier request; then the caller's nonce is replaced by a fresh one. */
  readonly retry?: boolean;
}

export interface QueryOptions extends SyncOptions {
  /** Whether the query follows a sync rather than precedes it. */
  readonly confirm?: boolean;
}

/** A verified report with what proves it. */
export interface ProvenReport extends RefundReport {
  readonly evidence: Evidence;
}

/**
 * `sync` and `query` send one signed request, never retry, and throw a DaxPayFailure unless the reply is verified.
 */
export interface DaxPay extends Disposable {
  readonly release: Release;
  /** The configured application; empty where the release has none. */
  readonly appId: string;
  /** Makes DaxPay ask the payment channel. On 3.x a sync of a closed or succeeded refund books money: query first. */
  sync(query: RefundQuery, options?: SyncOptions): Promise<ProvenReport>;
  /** Reads the refund in DaxPay's database; changes nothing. Throws a TypeError where `release.query` is undefined. */
  query(query: RefundQuery, options?: QueryOptions): Promise<ProvenReport>;
  /** Milliseconds by which DaxPay's clock was ahead of ours in its last verified reply; undefined before one. */
  skewMs(): number | undefined;
}

/** One of DaxPay's interfaces: where it is and how its replies are read. */
interface Endpoint {
  readonly url: URL;
  /** The path as DaxPay knows it, without a prefix. */
  readonly path: string;
  readonly read: typeof readReply;
}

export function createDaxPay(options: DaxPayOptions, deps: ClientDeps): DaxPay {
  const release: Release = RELEASES[options.release];
  const signers = createSigners(options.release, options);
  /** Index of the signer that DaxPay is expected to accept. */
  let accepted = 0;
  const identity = { appId: options.appId ?? "", mchNo: options.mchNo ?? "" };
  const http = createHttp({ fetch: deps.fetch, timeoutMs: options.timeoutMs, headers: release.headers });
  const endpointAt = (path: string, read: typeof readReply): Endpoint => ({
    url: endpoint(options.url, path),
    path,
    read,
  });
  const syncEndpoint = endpointAt(options.path ?? release.path, readReply);
  const queryEndpoint = release.query && endpointAt(release.query.path, readQueryReply);
  let lastSkewMs: number | undefined;

  async function call(
    { url, path, read }: Endpoint,
    refund: RefundQuery,
    { signal, retry = false }: SyncOptions,
  ): Promise<ProvenReport> {
    const query = {
      ...refund,
      clientIp: refund.clientIp || (options.clientIp ?? ""),
      nonceStr: refund.nonceStr && retry ? deps.nonce() : refund.nonceStr,
    };
    const { timeZone, maxSkewMs } = options;
    const signedBy = accepted;
    const signer = signers[signedBy];
    const requestedAt = deps.now();
    const { body, signature, reqId } = signedRequest(query, {
      release,
      signer,
      identity,
      timeZone,
      now: requestedAt,
      nonce: deps.nonce,
    });
    const httpReply = await http.post(url, body, signal);
    const now = deps.now();
    const traceId = release.traceHeader && traceIdFrom(httpReply.headers.get(release.traceHeader));
    const context = { release, signer, query, signature, reqId, traceId, timeZone, now, maxSkewMs };
    const reply = read(httpReply.body, context);
    if (httpReply.status !== 200) {
      const described = reply.kind === "failure" ? reply.failure : undefined;
      throw withOtherKey(failureFromHttpStatus(httpReply, { paths: [url.pathname, path], described, now }), signedBy);
    }
    if (reply.skewMs !== undefined) lastSkewMs = reply.skewMs;
    if (reply.kind === "failure") throw withOtherKey(withSkew(reply.failure, httpReply, now), signedBy);
    const { proof, repliedAt } = reply;
    const evidence = { ...proof, requestedAt, repliedAt, body: httpReply.body, release: options.release };
    return { ...reply, evidence };
  }

  /** A secret is changed in two places, never at the same instant: where DaxPay rejects one, the other is next. */
  function withOtherKey(failure: DaxPayFailure, signedBy: number): DaxPayFailure {
    if (failure.reason !== "SIGNATURE_REJECTED" || signers.length === 1) return failure;
    if (accepted === signedBy) accepted = (signedBy + 1) % signers.length;
    return failure.with({ otherKey: true });
  }

  /** Adds to a clock failure how far the clocks are apart: by the HTTP date, else by the last verified reply. */
  function withSkew(failure: DaxPayFailure, { headers }: HttpReply, now: number): DaxPayFailure {
    if (failure.reason !== "CLOCK_SKEW") return failure;
    const date = headers.get("date");
    const ahead = date ? Date.parse(date) + 500 - now : lastSkewMs;
    if (ahead === undefined || Number.isNaN(ahead)) return failure;
    const seconds = Math.round(Math.abs(ahead) / 1000);
    const side = ahead < 0 ? "ahead of" : "behind";
    return failure.with({
      message: `${failure.message}; this service's clock is about ${seconds} s ${side} DaxPay's`,
    });
  }

  return {
    release,
    appId: identity.appId,
    sync: (query, syncOptions = {}) => call(syncEndpoint, query, syncOptions).catch(atStep("SYNC")),
    async query(query, { confirm = false, ...queryOptions } = {}) {
      if (!queryEndpoint) throw new TypeError(`DaxPay ${options.release} has no refund query`);
      return await call(queryEndpoint, query, queryOptions).catch(atStep(confirm ? "CONFIRM" : "QUERY"));
    },
    skewMs: () => lastSkewMs,
    [Symbol.dispose]: () => http[Symbol.dispose](),
  };
}

function traceIdFrom(header: string | null): string | undefined {
  return /^[\w.-]{1,64}$/.exec(header ?? "")?.[0];
}

/** Sets the step. Delivery is that of the sync: not sent yet at the query before it, answered at the query after it. */
function atStep(step: Step): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof DaxPayFailure)) throw error;
    if (step === "SYNC") throw error.with({ step });
    throw error.with({ step, delivery: step === "QUERY" ? "NOT_SENT" : "ANSWERED", replied: error.replied });
  };
}
