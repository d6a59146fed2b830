import type { ClientDeps, DaxPayOptions } from "../daxpay/client.ts";
import { CONNECTION_OPTIONS, endpoint, nonReplayableBody, readBody } from "../daxpay/http.ts";
import { type Release, RELEASES } from "../daxpay/release.ts";
import { type RefundQuery, type SignedRequest, signedRequest } from "../daxpay/request.ts";
import type { Members } from "../daxpay/sign.ts";
import { type Attempt, signerOf, type StringVariant } from "./attempt.ts";
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
  /** The request that it answers. */
  readonly request: SignedRequest;
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
    const request = requestOf(attempt, refund, shiftMs);
    const { headers }: Release = RELEASES[attempt.release];
    const signal = AbortSignal.timeout(timeoutMs);
    const init = {
      method: "POST",
      headers: { ...headers, "content-type": "application/json", "user-agent": "daxpay-refund-sync-doctor" },
      ...nonReplayableBody(request.body),
      redirect: "manual",
      signal,
      client,
    } as const;
    sent++;
    try {
      const response = await deps.fetch(endpoint(options.url, attempt.path), init);
      return await readAnswer(response, request, deps.now);
    } catch (error) {
      return signal.aborted ? timeoutFailure(timeoutMs) : connectionFailureFrom(error);
    }
  }

  function requestOf(attempt: Attempt, refund: RefundQuery, shiftMs: number): SignedRequest {
    const signer = signerOf(attempt, options);
    return signedRequest(refund, {
      release: RELEASES[attempt.release],
      signer: { sign: (members) => signer.sign(variantOf(members, attempt.variant)) },
      identity: { appId: options.appId ?? "", mchNo: options.mchNo ?? "" },
      timeZone: options.timeZone,
      now: deps.now() + shiftMs,
      nonce: deps.nonce,
    });
  }

  return { unknownRefund, send, count: () => sent, [Symbol.dispose]: () => client.close() };
}

function variantOf(members: Members, variant: StringVariant | undefined): Members {
  switch (variant) {
    case undefined:
      return members;
    case "wrong":
      return [...members, ["z", "wrong"]];
    case "utcTime":
      return [...members].map(([name, text]) => [name, name === "reqTime" ? utcFromBeijing(text) : text] as const);
  }
}

/** Writes Beijing's `2026-01-02 12:00:00` as `2026-01-02T04:00:00Z`. */
function utcFromBeijing(text: string): string {
  return Temporal.Instant.from(`${text.replace(" ", "T")}+08:00`).toString();
}

async function readAnswer(response: Response, request: SignedRequest, now: () => number): Promise<Answer> {
  const date = Date.parse(response.headers.get("date") ?? "");
  return {
    kind: "answer",
    status: response.status,
    location: response.headers.get("location") ?? undefined,
    date: Number.isNaN(date) ? undefined : date,
    body: await readBody(response),
    arrivedAt: now(),
    request,
  };
}
