import { randomBytes } from "node:crypto";
import { SANDBOX_KEYS } from "../../src/cli/sandbox-keys.ts";
import { createDaxPay, type DaxPay } from "../../src/daxpay/client.ts";
import { readPrivateKey, readPublicKeys } from "../../src/daxpay/keys.ts";
import type { ReleaseName } from "../../src/sandbox/release.ts";
import { systemClock } from "../../src/refund/clock.ts";
import type { RefundEvent } from "../../src/refund/event.ts";
import { createRefunds, type Refunds, type RefundsOptions } from "../../src/refund/refunds.ts";
import type { ServerOptions } from "../../src/sandbox/options.ts";
import { createDaxPayServer, type DaxPayServer } from "../../src/sandbox/server.ts";
import { installFakeTime } from "./fake-time.ts";

export interface EmbeddedOptions {
  readonly release: ReleaseName;
  readonly server?: Omit<ServerOptions, "release">;
  readonly refunds?: Partial<RefundsOptions>;
  /** Milliseconds until the service gives up a request to DaxPay. */
  readonly timeoutMs?: number;
  readonly appId?: string;
  /** See installFakeTime(). */
  readonly isBusy?: () => boolean;
}

/** Sends requests to DaxPay in place of the embedded service's own function. */
export type Fetch = (request: Request) => Promise<Response>;

export interface EmbeddedService extends Disposable {
  readonly refunds: Refunds;
  readonly client: DaxPay;
  readonly events: RefundEvent[];
}

/** An embedded DaxPay without sockets, and the domain in front of it, both on vitest's fake timers. */
export interface Embedded extends Disposable {
  readonly daxpay: DaxPayServer;
  /** Starts another instance of the domain. */
  start(overrides?: Partial<RefundsOptions>, fetch?: Fetch): EmbeddedService;
  /** Passes time; whatever falls due runs, with all that it sets off. */
  advance(ms: number): Promise<void>;
}

/** Installs fake timers until it is disposed. */
export function createEmbedded(
  { release, server = {}, refunds = {}, timeoutMs = 20_000, appId, isBusy }: EmbeddedOptions,
): Embedded {
  const time = installFakeTime(isBusy);
  const daxpay = createDaxPayServer({ release, ...server });
  const services: EmbeddedService[] = [];

  function start(overrides: Partial<RefundsOptions> = {}, fetch: Fetch = daxpay.fetch): EmbeddedService {
    const events: RefundEvent[] = [];
    const client = createDaxPay({
      url: new URL("http://daxpay.test"),
      release,
      signType: "HMAC_SHA256",
      secret: "123456",
      privateKey: readPrivateKey(SANDBOX_KEYS.DAXPAY_PRIVATE_KEY),
      platformKeys: readPublicKeys(SANDBOX_KEYS.DAXPAY_PLATFORM_KEYS),
      appId: appId ?? "M8207639754663343",
      mchNo: "M1745845174843",
      timeoutMs,
      timeZone: "Asia/Shanghai",
      maxSkewMs: 300_000,
    }, {
      fetch: (input, init) => fetch(new Request(input, init)),
      now: () => Date.now(),
      nonce: () => randomBytes(16).toString("hex"),
    });
    const instance = createRefunds({
      daxpay: client,
      queryMode: "auto",
      settleTimeoutMs: 60_000,
      settleOnStart: false,
      rateLimit: { rate: 100_000, concurrency: 64 },
      schedule: { waits: [10_000, 30_000, 60_000, 60_000, 60_000, 300_000], jitter: 0 },
      clock: systemClock,
      random: () => 0,
      onEvent: (event) => events.push(event),
      ...refunds,
      ...overrides,
    });
    const service: EmbeddedService = {
      refunds: instance,
      client,
      events,
      [Symbol.dispose]() {
        instance.close();
      },
    };
    services.push(service);
    return service;
  }

  return {
    daxpay,
    start,
    advance: time.advance,
    [Symbol.dispose]() {
      for (const service of services.splice(0)) service[Symbol.dispose]();
      daxpay.close();
      time[Symbol.dispose]();
    },
  };
}
