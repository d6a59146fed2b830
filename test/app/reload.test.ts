import { configure, type LogRecord, reset } from "@logtape/logtape";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { SANDBOX_VARIABLES, sandboxConfig } from "../../src/config/sandbox.ts";
import { SANDBOX_KEYS } from "../../src/cli/sandbox-keys.ts";
import { generateKeyPairSync } from "node:crypto";
import { createDaxPay } from "../../src/daxpay/client.ts";
import { createSandbox } from "../../src/sandbox/sandbox.ts";
import { createDaxPayServer, type DaxPayServer } from "../../src/sandbox/server.ts";
import { type AccountSettings, type AccountsService, startAccounts } from "../support/accounts.ts";
import { outcomeOf } from "../support/outcome.ts";
import { acceleratedClock } from "../support/service.ts";

const { DAXPAY_APP_ID: APP_ID, DAXPAY_MCH_NO: MCH_NO } = SANDBOX_VARIABLES;

let records: LogRecord[] = [];
beforeEach(async () => {
  records = [];
  await configure({
    reset: true,
    sinks: { memory: (record) => records.push(record) },
    loggers: [{ category: [], lowestLevel: "info", sinks: ["memory"] }],
  });
});
afterEach(() => reset());

const logged = (text: string) => records.filter(({ message }) => message.join("").includes(text));
const POLL = { timeout: 5_000 };

/** DaxPay behind the service's fetch; `replace` puts another one in its place, which signs with something else. */
function createUpstream(first: DaxPayServer) {
  let current = first;
  return {
    fetch: (input: string | URL | Request, init?: RequestInit) => current.fetch(new Request(input, init)),
    replace: (next: DaxPayServer) => current = next,
  };
}

/** Calls at an even rate, each for a refund of its own, until `stop`. */
function callSteadily(service: AccountsService, perSecond: number) {
  const client = service.client();
  const outcomes: ReturnType<typeof outcomeOf>[] = [];
  const timer = setInterval(
    () => outcomes.push(outcomeOf(client.syncRefund({ refundNo: `LOAD-${outcomes.length}` }))),
    1000 / perSecond,
  );
  return {
    /** Whether every call so far has succeeded. */
    async stop() {
      clearInterval(timer);
      const results = await Promise.all(outcomes);
      return results.map((outcome) => "status" in outcome ? outcome.status : outcome.reason);
    },
  };
}

const succeeded = (statuses: readonly string[]) => {
  expect(new Set(statuses)).toEqual(new Set(["SUCCEEDED"]));
  expect(statuses.length).toBeGreaterThan(20);
};

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe("createApp() under 100 calls a second", () => {
  test.each(["the service", "DaxPay"])("loses no call when the secret changes, %s first", async (first) => {
    const upstream = createUpstream(createDaxPayServer({ release: "2.0.8", secret: "first-secret" }));
    const daxpayChanges = () => upstream.replace(createDaxPayServer({ release: "2.0.8", secret: "second-secret" }));
    // Only who is told the next secret before DaxPay changes can try it.
    const prepared = first === "DaxPay";
    await using service = await startAccounts({
      accounts: (file) => ({
        shop: {
          url: "http://daxpay.test",
          release: "2.0.8",
          rate: 10_000,
          secret_file: file("secret", "first-secret\n"),
          ...(prepared ? { previous_secret_file: file("other", "second-secret\n") } : {}),
        },
      }),
      dependencies: { fetch: upstream.fetch },
    });
    const calls = callSteadily(service, 100);
    await wait(300);
    if (prepared) daxpayChanges();
    service.file("secret", "second-secret\n");
    await expect.poll(() => logged("Changed account"), POLL).toMatchObject([
      { properties: { account: "shop", changed: "secret_file" } },
    ]);
    await wait(300);
    if (!prepared) daxpayChanges();
    await wait(500);
    succeeded(await calls.stop());
    expect(JSON.stringify(records)).not.toMatch(/first-secret|second-secret/);
  });

  test("loses no call when both keys of DaxPay v4 change", async () => {
    const pair = () =>
      generateKeyPairSync("rsa", {
        modulusLength: 2048,
        publicKeyEncoding: { type: "spki", format: "pem" },
        privateKeyEncoding: { type: "pkcs8", format: "pem" },
      });
    const [merchant, platform] = [pair(), pair()];
    const upstream = createUpstream(createDaxPayServer({ release: "4.0.0-beta" }));
    await using service = await startAccounts({
      accounts: (file) => ({
        shop: {
          url: "http://daxpay.test",
          release: "4.0.0-beta",
          rate: 10_000,
          mch_no: MCH_NO,
          private_key_file: file("private", SANDBOX_KEYS.DAXPAY_PRIVATE_KEY),
          platform_keys_file: file("platform", SANDBOX_KEYS.DAXPAY_PLATFORM_KEYS),
        },
      }),
      dependencies: { fetch: upstream.fetch },
    });
    const calls = callSteadily(service, 100);
    await wait(200);
    service.file("private", merchant.privateKey);
    service.file("platform", platform.publicKey);
    await expect.poll(() => logged("Changed account"), POLL).not.toEqual([]);
    await wait(1_200);
    upstream.replace(createDaxPayServer({
      release: "4.0.0-beta",
      merchantPublicKey: merchant.publicKey,
      platformPrivateKey: platform.privateKey,
    }));
    await wait(500);
    succeeded(await calls.stop());
  }, 20_000);
});

describe("createApp() with a changed accounts file", () => {
  async function start(extra: Readonly<Record<string, string | number>> = {}) {
    const sandbox = await createSandbox({ release: "3.0.0" });
    let settings: AccountSettings = {};
    const service = await startAccounts({
      accounts(file) {
        const shop = {
          url: sandbox.url,
          release: "3.0.0",
          secret_file: file("secret", "123456"),
          app_id: APP_ID,
          mch_no: MCH_NO,
          settle_on_start: "off",
          ...extra,
        };
        return settings = { shop };
      },
      variables: () => ({ WATCH_SCHEDULE: "10s" }),
      dependencies: acceleratedClock(100),
    });
    return {
      ...service,
      sandbox,
      shop: settings.shop,
      async [Symbol.asyncDispose]() {
        await service.app.close();
        await sandbox.close();
      },
    };
  }

  test("adds, changes and removes accounts, while calls and watches go on", async () => {
    await using service = await start();
    const { sandbox, shop } = service;
    const client = service.client();
    sandbox.addRefund({ refundNo: "R1", status: "progress", state: "PROCESSING" });
    const attempts: (string | undefined)[] = [];
    const watch = (async () => {
      for await (const { outcome } of client.watchRefund({ account: "shop", refundNo: "R1" })) {
        attempts.push(outcome.case === "refund" ? outcome.value.account : undefined);
      }
    })().catch(() => {});
    await expect.poll(() => attempts.length).toBeGreaterThan(0);
    service.write({ shop: { ...shop, rate: 77 }, outlet: shop });
    await expect.poll(() => logged("Changed account"), POLL).toMatchObject([{ properties: { changed: "rate" } }]);
    expect(await outcomeOf(client.syncRefund({ account: "outlet", refundNo: "LOAD-1" }))).toMatchObject({
      status: "SUCCEEDED",
    });
    service.write({ shop: { ...shop, rate: 77 } });
    await expect.poll(() => logged("Removed account"), POLL).toMatchObject([{ properties: { account: "outlet" } }]);
    expect(await outcomeOf(client.syncRefund({ account: "outlet", refundNo: "LOAD-2" }))).toMatchObject({
      reason: "INVALID_REQUEST",
    });
    const { length } = attempts;
    await expect.poll(() => attempts.length, POLL).toBeGreaterThan(length);
    expect(new Set(attempts)).toEqual(new Set(["shop"]));
    await service.app.close();
    await watch;
  });

  test("remembers a closed refund after its account was removed and added again", async () => {
    await using service = await start();
    const { sandbox, shop } = service;
    const client = service.client();
    sandbox.addRefund({ refundNo: "R1", status: "close", state: "ERROR", channel: "ali_pay" });
    expect(await outcomeOf(client.syncRefund({ refundNo: "R1" }))).toMatchObject({ status: "CLOSED" });
    service.write({ other: { ...shop, rate: 5 } });
    await expect.poll(() => logged("Removed account"), POLL).toHaveLength(1);
    // Another client syncs the closed refund during a channel error, which turns it to `fail`.
    using foreign = createDaxPay({
      ...sandboxConfig({ DAXPAY_URL: sandbox.url, DAXPAY_RELEASE: "3.0.0" }).accounts.get("default")?.daxpay ??
        expect.unreachable(),
    }, { fetch, now: Date.now, nonce: () => String(Math.random()) });
    await foreign.sync({ refundNo: "R1", bizRefundNo: "", clientIp: "", nonceStr: "" }).catch(() => {});
    expect(sandbox.refund("R1")).toMatchObject({ status: "fail", syncs: 1 });
    expect(await outcomeOf(client.syncRefund({ account: "other", refundNo: "R1" }))).toMatchObject({
      status: "FAILED",
    });
    expect(sandbox.refund("R1")).toMatchObject({ syncs: 1 });
  });

  test("rejects a new host and an invalid file with a log line, and goes on as before", async () => {
    await using service = await start();
    const { shop } = service;
    service.write({ shop, evil: { ...shop, url: "http://198.51.100.7:8080" } });
    await expect.poll(() => logged("Cannot use the changed accounts"), POLL).toMatchObject([{
      level: "error",
      properties: { problem: expect.stringContaining("evil.url: expected a host that was configured at the start") },
    }]);
    service.write({ shop: { ...shop, rate: 0, query: "off" } });
    await expect.poll(() => logged("Cannot use the changed accounts"), POLL).toHaveLength(3);
    const client = service.client();
    expect(await outcomeOf(client.syncRefund({ account: "evil", refundNo: "LOAD-1" }))).toMatchObject({
      reason: "INVALID_REQUEST",
    });
    expect(await outcomeOf(client.syncRefund({ refundNo: "LOAD-1" }))).toMatchObject({ status: "SUCCEEDED" });
  });

  test("rejects a first webhook, for which the process has no permission", async () => {
    await using service = await start();
    const { shop } = service;
    const webhook = {
      webhook_url: "http://hooks.example",
      webhook_secret_file: service.file("webhook", `whsec_${btoa("x".repeat(24))}`),
    };
    service.write({ shop: { ...shop, ...webhook } });
    await expect.poll(() => logged("Cannot use the changed accounts"), POLL).toMatchObject([
      { properties: { problem: expect.stringContaining("shop.webhook_url: expected an https URL") } },
      {
        properties: {
          problem: expect.stringContaining("shop.webhook_url: expected none, as in all accounts at the start"),
        },
      },
    ]);
  });

  test("takes over an account once the file of its secret exists", async () => {
    await using service = await start();
    const { shop } = service;
    const secret = `${String(shop.secret_file)}-2`;
    service.write({ shop, outlet: { ...shop, secret_file: secret } });
    await expect.poll(() => logged("cannot read"), POLL).toHaveLength(1);
    service.file("secret-2", "123456");
    const call = () => outcomeOf(service.client().syncRefund({ account: "outlet", refundNo: "LOAD-1" }));
    await expect.poll(call, POLL).toMatchObject({ status: "SUCCEEDED" });
  });
});
