import { DaxPayFailure } from "./failure.ts";
import { endpoint, failureFromFetchError, nonReplayableBody, readBody, retryAfterMs } from "./http.ts";
import { type FailedReply, readReply, type RefundReport } from "./reply.ts";
import { type Release, type ReleaseName, RELEASES, type SignType } from "./release.ts";
import { type RefundQuery, signedRequest } from "./request.ts";
import type { SigningScheme } from "./sign.ts";

/** Which DaxPay to ask, and as whom. */
export interface DaxPayOptions {
  /** Base address; may hold a path prefix. */
  readonly url: URL;
  readonly release: ReleaseName;
  /** Overrides the release's path. */
  readonly path?: string;
  readonly signType: SignType;
  readonly secret: string;
  /** Also accepted when verifying replies, while the secret is being changed. */
  readonly previousSecret?: string;
  readonly appId?: string;
  readonly mchNo?: string;
  /** Sent when the caller gives none. */
  readonly clientIp?: string;
  /** The longest wait for one answer, in milliseconds. */
  readonly timeoutMs: number;
  /** IANA name of the zone of 3.x's time texts. */
  readonly timeZone: string;
  /** Allowed distance of a reply's time from our clock, in milliseconds. */
  readonly maxSkewMs: number;
}

/** What the client takes from its surroundings. */
export interface ClientDeps {
  readonly fetch: typeof fetch;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Makes a fresh nonce, at most 32 characters. */
  readonly nonce: () => string;
}

export interface SyncOptions {
  /** The caller has gone: the call ends with this signal's reason. */
  readonly signal?: AbortSignal;
  /** Whether this repeats an earlier request; then a nonce that the caller gave is not used again. */
  readonly retry?: boolean;
}

export interface DaxPay {
  readonly release: Release;
  /** Sends one signed request and returns the verified report. Throws a DaxPayFailure otherwise. Never repeats by itself. */
  sync(query: RefundQuery, options?: SyncOptions): Promise<RefundReport>;
  /** How far DaxPay's clock was ahead of ours in its last verified reply, in milliseconds; undefined before one. */
  skewMs(): number | undefined;
}

const HEADERS = { "content-type": "application/json", "user-agent": "daxpay-refund-sync" };

export function createDaxPay(options: DaxPayOptions, deps: ClientDeps): DaxPay {
  const release: Release = RELEASES[options.release];
  const algorithm = release.algorithms[options.signType];
  if (!algorithm) throw new RangeError(`DaxPay ${options.release} has no sign type ${options.signType}`);
  const rule: SigningScheme = { algorithm, upperCase: release.upperCase };
  const secrets = [options.secret, ...(options.previousSecret ? [options.previousSecret] : [])];
  const identity = { appId: options.appId ?? "", mchNo: options.mchNo ?? "" };
  const url = endpoint(options.url, options.path ?? release.path);
  let lastSkewMs: number | undefined;

  async function sync(asked: RefundQuery, call: SyncOptions = {}): Promise<RefundReport> {
    const query = {
      ...asked,
      clientIp: asked.clientIp || (options.clientIp ?? ""),
      nonceStr: asked.nonceStr && call.retry ? deps.nonce() : asked.nonceStr,
    };
    const { body, signature } = signedRequest(query, {
      release,
      rule,
      secret: options.secret,
      identity,
      timeZone: options.timeZone,
      now: deps.now(),
      nonce: deps.nonce,
    });
    const answer = await send(body, call.signal);
    if (!answer.ok) throw failureFromHttpStatus(answer, query, signature);
    const reply = read(answer.body, query, signature);
    if (reply.skewMs !== undefined) lastSkewMs = reply.skewMs;
    if (reply.kind === "failure") throw withSkew(reply.failure, answer);
    return reply;
  }

  /** One HTTP exchange, with every way in which it can break told apart. */
  async function send(body: string, caller: AbortSignal | undefined): Promise<HttpReply> {
    const abort = new AbortController();
    const leave = () => abort.abort();
    const timer = setTimeout(leave, options.timeoutMs);
    caller?.addEventListener("abort", leave);
    let answered = false;
    try {
      caller?.throwIfAborted();
      const response = await deps.fetch(url, {
        method: "POST",
        headers: HEADERS,
        redirect: "manual",
        ...nonReplayableBody(body),
        signal: abort.signal,
      });
      answered = true;
      return {
        ok: response.status === 200,
        status: response.status,
        retryAfter: response.headers.get("retry-after"),
        date: response.headers.get("date"),
        body: await readBody(response),
      };
    } catch (error) {
      if (caller?.aborted) throw caller.reason;
      throw failureFromFetchError(error, { timedOut: abort.signal.aborted, answered });
    } finally {
      clearTimeout(timer);
      caller?.removeEventListener("abort", leave);
    }
  }

  function read(body: Uint8Array, query: RefundQuery, signature: string): RefundReport | FailedReply {
    return readReply(body, {
      release,
      rule,
      secrets,
      query,
      signature,
      timeZone: options.timeZone,
      now: deps.now(),
      maxSkewMs: options.maxSkewMs,
    });
  }

  /** A reply with another HTTP status than 200 is a failure whatever it says; its body may still explain it. */
  function failureFromHttpStatus(answer: HttpReply, query: RefundQuery, signature: string): DaxPayFailure {
    const reply = read(answer.body, query, signature);
    const explained = reply.kind === "failure" && reply.failure.daxpayCode !== undefined ? reply.failure : undefined;
    const details = {
      daxpayCode: explained?.daxpayCode,
      daxpayMessage: explained?.daxpayMessage,
      daxpayTraceId: explained?.daxpayTraceId,
    };
    if (answer.status >= 500 || answer.status === 429) {
      return new DaxPayFailure("UPSTREAM_ERROR", `DaxPay at ${url.pathname} answered HTTP ${answer.status}`, {
        ...details,
        status: answer.status,
        throttled: answer.status === 429,
        retryDelayMs: retryAfterMs(answer.retryAfter, deps.now()),
      });
    }
    return explained ??
      new DaxPayFailure(
        "REPLY_MALFORMED",
        `Cannot read the reply of ${url.pathname}: it is HTTP ${answer.status}, wanted 200`,
        details,
      );
  }

  /** A clock failure tells how far the clocks are apart: by its HTTP date, else by the last verified reply. */
  function withSkew(failure: DaxPayFailure, { date }: HttpReply): DaxPayFailure {
    if (failure.reason !== "CLOCK_SKEW") return failure;
    const ahead = date ? Date.parse(date) + 500 - deps.now() : lastSkewMs;
    if (ahead === undefined || Number.isNaN(ahead)) return failure;
    const seconds = Math.round(Math.abs(ahead) / 1000);
    const { daxpayCode, daxpayMessage, daxpayTraceId } = failure;
    return new DaxPayFailure(
      "CLOCK_SKEW",
      `${failure.message}; this service's clock is about ${seconds} s ${ahead < 0 ? "ahead of" : "behind"} DaxPay's`,
      { daxpayCode, daxpayMessage, daxpayTraceId },
    );
  }

  return { release, sync, skewMs: () => lastSkewMs };
}

interface HttpReply {
  readonly ok: boolean;
  readonly status: number;
  readonly retryAfter: string | null;
  readonly date: string | null;
  readonly body: Uint8Array;
}
