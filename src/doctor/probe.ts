import type { ClientDeps, DaxPayOptions } from "../daxpay/client.ts";
import { endpoint, nonReplayableBody, readBody } from "../daxpay/http.ts";
import { RELEASES } from "../daxpay/release.ts";
import { type RefundQuery, signedRequest } from "../daxpay/request.ts";
import { type Attempt, ruleOf } from "./attempt.ts";
import { breakageOf, type ConnectionFailure, timeout } from "./breakage.ts";

/** A whole HTTP answer, before anything in it is believed. */
export interface Answer {
  readonly kind: "answer";
  readonly status: number;
  readonly location: string | undefined;
  /** The Date header, in milliseconds since 1970. */
  readonly date: number | undefined;
  readonly body: Uint8Array;
  /** When it had come, by our clock, in milliseconds since 1970. */
  readonly arrivedAt: number;
}

export interface Probe {
  /** The refund asked for; no DaxPay has it, so that asking changes nothing. */
  readonly query: RefundQuery;
  /** Sends one signed request. `shiftMs` is added to the time that it says it was made. */
  send(attempt: Attempt, shiftMs?: number): Promise<Answer | ConnectionFailure>;
  /** How many requests were sent. */
  count(): number;
}

/** No answer is waited for longer, whatever the configuration says. */
const MAX_WAIT_MS = 10_000;

export function createProbe(options: DaxPayOptions, world: ClientDeps): Probe {
  const timeoutMs = Math.min(options.timeoutMs, MAX_WAIT_MS);
  const query: RefundQuery = {
    refundNo: `DOCTOR-${world.nonce()}`.slice(0, 32),
    bizRefundNo: "",
    clientIp: options.clientIp ?? "",
    nonceStr: "",
  };
  let sent = 0;

  async function ask(attempt: Attempt, shiftMs = 0): Promise<Answer | ConnectionFailure> {
    const signal = AbortSignal.timeout(timeoutMs);
    sent++;
    try {
      const response = await world.fetch(endpoint(options.url, attempt.path), {
        method: "POST",
        headers: { "content-type": "application/json", "user-agent": "daxpay-refund-sync-doctor" },
        ...nonReplayableBody(bodyOf(attempt, shiftMs)),
        redirect: "manual",
        signal,
      });
      return await answerOf(response, world.now);
    } catch (error) {
      return signal.aborted ? timeout(timeoutMs) : breakageOf(error);
    }
  }

  function bodyOf(attempt: Attempt, shiftMs: number): string {
    return signedRequest(query, {
      release: RELEASES[attempt.release],
      rule: ruleOf(attempt),
      secret: attempt.secret.text,
      identity: { appId: options.appId ?? "", mchNo: options.mchNo ?? "" },
      timeZone: options.timeZone,
      now: world.now() + shiftMs,
      nonce: world.nonce,
    }).body;
  }

  return { query, send: ask, count: () => sent };
}

async function answerOf(response: Response, now: () => number): Promise<Answer> {
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
