import { lookup as systemLookup } from "node:dns/promises";
import http from "node:http";
import https from "node:https";
import { isIP, type LookupFunction } from "node:net";
import { retryAfterMs } from "../daxpay/http.ts";
import { unlessAborted } from "../util/abort.ts";
import type { AddressPolicy } from "../util/address-policy.ts";
import { withoutBrackets } from "../util/url.ts";
import type { WebhookFailure } from "./webhook.ts";
import type { WebhookMessage } from "./webhook-message.ts";

/** Returns every address of a host. */
export type LookupAddresses = (hostname: string) => Promise<readonly string[]>;

export const lookupAddresses: LookupAddresses = async (hostname) =>
  (await systemLookup(hostname, { all: true })).map(({ address }) => address);

export interface PostOptions {
  readonly policy: AddressPolicy;
  readonly lookup: LookupAddresses;
  /** Milliseconds for everything, the look-up included. */
  readonly timeoutMs: number;
  /** Wall clock in epoch milliseconds, for a date in Retry-After. */
  readonly now: () => number;
  /** PEM of the CAs that may sign the receiver's certificate; replaces the system's. */
  readonly ca?: string;
}

/** What is read of a response's body, so that small ones end their connection in order. */
const MAX_BODY_BYTES = 4096;

/** Sends one message. Returns undefined where the receiver has accepted it; never throws. */
export async function postMessage(
  url: URL,
  message: WebhookMessage,
  options: PostOptions,
): Promise<WebhookFailure | undefined> {
  const { policy, lookup, timeoutMs, now } = options;
  const problem = policy.problem(url);
  if (problem !== undefined) return refused(`expected ${problem}, got another one`);
  const signal = AbortSignal.timeout(timeoutMs);
  const host = withoutBrackets(url.hostname);
  try {
    const addresses = isIP(host) ? [host] : await unlessAborted(signal, lookup(host));
    if (addresses.length === 0) return { reason: "UNREACHABLE", message: "the host has no address" };
    const forbidden = addresses.find((address) => !policy.allows(host, address));
    if (forbidden !== undefined) {
      return refused(`expected public addresses of the host, or allowed ones, got ${forbidden}`);
    }
    const { statusCode = 0, headers } = await send(url, host, addresses, message, signal, options.ca);
    return failureOf(statusCode, headers["retry-after"], now());
  } catch (error) {
    if (signal.aborted) return { reason: "TIMEOUT", message: `no response within ${timeoutMs} ms` };
    return { reason: "UNREACHABLE", message: describe(error) };
  }
}

function refused(message: string): WebhookFailure {
  return { reason: "ADDRESS_REFUSED", message };
}

/** A redirect could lead anywhere, so it is a failure. */
function failureOf(status: number, retryAfter: string | undefined, now: number): WebhookFailure | undefined {
  if (status >= 200 && status < 300) return undefined;
  const reason = status === 410 ? "GONE" : status >= 300 && status < 400 ? "REDIRECTED" : "STATUS";
  return { reason, message: `HTTP ${status}`, retryAfterMs: retryAfterMs(retryAfter ?? null, now) };
}

/**
 * Connects to one of the addresses that were checked, and to no other: a name may have another address a moment later. fetch,
 * and with it ky, resolves names itself, and has no way to be given the result.
 */
function send(
  url: URL,
  host: string,
  addresses: readonly string[],
  { headers, body }: WebhookMessage,
  signal: AbortSignal,
  ca: string | undefined,
): Promise<http.IncomingMessage> {
  const checked = addresses.map((address) => ({ address, family: isIP(address) }));
  const lookup: LookupFunction = (_hostname, { all }, callback) =>
    all ? callback(null, checked) : callback(null, checked[0].address, checked[0].family);
  const options: https.RequestOptions = {
    method: "POST",
    host,
    port: url.port || undefined,
    path: url.pathname + url.search,
    headers: { ...headers, "content-length": String(Buffer.byteLength(body)) },
    // A connection per attempt: one that is kept would have been checked long ago.
    agent: false,
    lookup,
    signal,
    ...(ca === undefined ? {} : { ca }),
  };
  return new Promise((resolve, reject) => {
    const request = (url.protocol === "https:" ? https : http).request(options, (response) => {
      let bytes = 0;
      response.on("data", (chunk: Uint8Array) => {
        bytes += chunk.length;
        if (bytes > MAX_BODY_BYTES) request.destroy();
      });
      // The status has decided.
      response.on("error", () => {});
      resolve(response);
    });
    request.on("error", reject);
    request.end(body);
  });
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message.slice(0, 200) : String(error);
}
