import type { ClientDeps, DaxPayOptions } from "../daxpay/client.ts";
import { CONNECTION_OPTIONS, endpoint, nonReplayableBody, readBody } from "../daxpay/http.ts";
import { RELEASES, signingScheme } from "../daxpay/release.ts";
import { type RefundQuery, signedRequest } from "../daxpay/request.ts";
import type { Attempt } from "./attempt.ts";
import { type ConnectionFailure, connectionFailureFrom, timeoutFailure } from "./connection-failure.ts";

/** A complete HTTP reply, before anything in it is trusted. */
export interface Answer {
  readonly kind: "answer";
  readonly status: number;
  readonly location: string | undefined;
  /** The Date header, in epoch milliseconds. */
  readonly date: number | undefined;
  readonly body: Uint8Array;
  /** By our clock, in epoch milliseconds. */
  readonly arrivedAt: number;
}

export interface ProbeOptions {
  /** Milliseconds that are added to the request's time. */
  readonly shiftMs?: number;
  /** The refund; one that cannot exist unless set. Only a query may name another one. */
  readonly refund?: RefundQuery;
}

export interface Probe extends Disposable {
  /** A refund that no DaxPay has, so that syncing it changes nothing. */
  readonly unknownRefund: RefundQuery;
  /** Sends one signed request, over connections with the service's own settings. */
  send(attempt: Attempt, options?: ProbeOptions): Promise<Answer | ConnectionFailure>;
  /** Number of requests sent. */
  count(): number;
}

/** Caps DAXPAY_TIMEOUT_MS. */
const MAX_TIMEOUT_MS = 10_000;

export function createProbe(options: DaxPayOptions, deps: ClientDeps): Probe {
  const timeoutMs = Math.min(options.timeoutMs, MAX_TIMEOUT_MS);
  const client = Deno.createHttpClient(CONNECTION_OPTIONS);
  const unknownRefund: RefundQuery = {
    refundNo: `DOCTOR-${deps.nonce()}`.slice(0, 32),
    bizRefundNo: "",
    clientIp: options.clientIp ?? "",
    nonceStr: "",
  };
  let sent = 0;

  async function send(attempt: Attempt, { shiftMs = 0, refund = unknownRefund }: ProbeOptions = {}) {
    const body = bodyOf(attempt, refund, shiftMs);
    const signal = AbortSignal.timeout(timeoutMs);
    const init = {
      method: "POST",
      headers: { "content-type": "application/json", "user-agent": "daxpay-refund-sync-doctor" },
      ...nonReplayableBody(body),
      redirect: "manual",
      signal,
      client,
    } as const;
    sent++;
    try {
      return await readAnswer(await deps.fetch(endpoint(options.url, attempt.path), init), deps.now);
    } catch (error) {
      return signal.aborted ? timeoutFailure(timeoutMs) : connectionFailureFrom(error);
    }
  }

  function bodyOf(attempt: Attempt, refund: RefundQuery, shiftMs: number): string {
    return signedRequest(refund, {
      release: RELEASES[attempt.release],
      rule: signingScheme(attempt.release, attempt.signType),
      secret: attempt.secret.text,
      identity: { appId: options.appId ?? "", mchNo: options.mchNo ?? "" },
      timeZone: options.timeZone,
      now: deps.now() + shiftMs,
      nonce: deps.nonce,
    }).body;
  }

  return { unknownRefund, send, count: () => sent, [Symbol.dispose]: () => client.close() };
}

async function readAnswer(response: Response, now: () => number): Promise<Answer> {
  const date = Date.parse(response.headers.get("date") ?? "");
  return {
    kind: "answer",
    status: response.status,
    location: response.headers.get("location") ?? undefined,
    date: Number.isNaN(date) ? undefined : date,
    body: await readBody(response),
    arrivedAt: now(),
  };
}
