import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { configure, type LogRecord, reset } from "@logtape/logtape";
import { afterEach, describe, expect, test } from "vitest";
import { SANDBOX_VARIABLES } from "../../src/config/sandbox.ts";
import { SANDBOX_KEYS } from "../../src/cli/sandbox-keys.ts";
import { Health, HealthCheckResponse_ServingStatus as ServingStatus } from "../../src/gen/grpc/health/v1/health_pb.ts";
import { createSandbox } from "../../src/sandbox/sandbox.ts";
import { startAccounts } from "../support/accounts.ts";
import { freePort } from "../support/free-port.ts";
import { errorOutcome, outcomeOf, resultOutcome } from "../support/outcome.ts";
import { parsePrometheus } from "../support/prometheus.ts";

const ALL = "t0ken-of-every-account";
const TWO = "t0ken-of-two-accounts";
const { DAXPAY_APP_ID: APP_ID, DAXPAY_MCH_NO: MCH_NO } = SANDBOX_VARIABLES;
const CALLERS = 50;

let records: LogRecord[] = [];
async function recordLog(): Promise<void> {
  records = [];
  await configure({
    reset: true,
    sinks: { memory: (record) => records.push(record) },
    loggers: [{ category: [], lowestLevel: "info", sinks: ["memory"] }],
  });
}
afterEach(() => reset());

/** One process with an account of each release, and one whose DaxPay is gone. */
async function startFive() {
  await using stack = new AsyncDisposableStack();
  const sandbox = async (release: "2.0.8" | "3.0.0-beta4" | "3.0.0" | "4.0.0-beta") => {
    const created = await createSandbox({ release });
    stack.defer(() => created.close());
    return created;
  };
  const sandboxes = {
    v208: await sandbox("2.0.8"),
    beta4: await sandbox("3.0.0-beta4"),
    v300: await sandbox("3.0.0"),
    v4: await sandbox("4.0.0-beta"),
  };
  const gone = `http://127.0.0.1:${await freePort()}`;
  const service = await startAccounts({
    accounts(file) {
      const common = { secret_file: file("secret", "123456\n"), settle_on_start: "off", rate: 1000 };
      const keys = {
        private_key_file: file("private.pem", SANDBOX_KEYS.DAXPAY_PRIVATE_KEY),
        platform_keys_file: file("platform.pem", SANDBOX_KEYS.DAXPAY_PLATFORM_KEYS),
      };
      return {
        v208: { ...common, url: sandboxes.v208.url, release: "2.0.8" },
        beta4: { ...common, url: sandboxes.beta4.url, release: "3.0.0-beta4", app_id: APP_ID },
        v300: { ...common, url: sandboxes.v300.url, release: "3.0.0", app_id: APP_ID, mch_no: MCH_NO },
        v4: { ...keys, url: sandboxes.v4.url, release: "4.0.0-beta", mch_no: MCH_NO, rate: 1000 },
        broken: { ...common, url: gone, release: "2.0.8", rate: 20 },
      };
    },
    variables: (file) => ({
      AUTH_TOKENS_FILE: file("tokens", `all ${ALL}\ntwo ${TWO} accounts=v208,v4\n`),
    }),
  });
  stack.use(service);
  const running = stack.move();
  return { ...service, sandboxes, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

describe("createApp() with five accounts", () => {
  test(`serves ${CALLERS} callers of each, and a broken one affects no other`, async () => {
    await recordLog();
    await using service = await startFive();
    const client = service.client(ALL);
    const names = ["v208", "beta4", "v300", "v4", "broken"];
    const calls = names.flatMap((account) =>
      Array.from({ length: CALLERS }, async (_, index) => {
        const started = performance.now();
        const outcome = await outcomeOf(client.syncRefund({ account, refundNo: `LOAD-${index}` }));
        return { account, outcome, ms: performance.now() - started };
      })
    );
    const results = await Promise.all(calls);
    for (const { account, outcome } of results) {
      expect({ account, outcome }).toMatchObject({
        account,
        outcome: account === "broken"
          ? { reason: expect.stringMatching(/^(UPSTREAM_UNREACHABLE|CIRCUIT_OPEN)$/) }
          : { status: "SUCCEEDED" },
      });
    }
    const { refund } = await client.syncRefund({ account: "v300", refundNo: "LOAD-1" });
    expect(refund?.account).toBe("v300");

    const response = await fetch(`${service.http}/metrics`, { headers: { authorization: `Bearer ${ALL}` } });
    const { value, samples } = parsePrometheus(await response.text());
    expect(value("refundsync_circuit_breaker_state", { account: "broken" })).toBe(2);
    for (const account of ["v208", "beta4", "v300", "v4"]) {
      expect(value("refundsync_circuit_breaker_state", { account })).toBe(0);
      expect(value("daxpay_client_request_duration_count", { account })).toBeGreaterThanOrEqual(CALLERS);
      expect(value("refundsync_retries_total", { account })).toBe(0);
    }
    expect(samples).toContainEqual({
      name: "refundsync_account_info",
      labels: { account: "beta4", release: "3.0.0-beta4", query: "auto" },
      value: 1,
    });
    const breaker = records.filter(({ rawMessage }) => String(rawMessage).startsWith("Circuit breaker"));
    expect(new Set(breaker.map(({ properties }) => properties.account))).toEqual(new Set(["broken"]));
    const ended = records.filter(({ properties }) => properties.refundNo === "LOAD-7");
    expect(ended.map(({ properties }) => properties.account)).toEqual(expect.arrayContaining(names));
    // DaxPay is unhealthy only where all accounts are.
    const health = createClient(Health, createGrpcTransport({ baseUrl: service.app.addresses.grpc }));
    expect(await health.check({ service: "daxpay" })).toMatchObject({ status: ServingStatus.SERVING });
  });

  test("lets a restricted token use its accounts and says nothing of others", async () => {
    await using service = await startFive();
    const client = service.client(TWO);
    for (const account of ["v208", "v4"]) {
      expect(await outcomeOf(client.syncRefund({ account, refundNo: "LOAD-1" }))).toMatchObject({
        status: "SUCCEEDED",
      });
    }
    const before = service.sandboxes.v300.requests.length;
    for (const account of ["v300", "broken", "nowhere", "default", "", "x".repeat(1000)]) {
      const message = await client.syncRefund({ account, refundNo: "LOAD-1" }).then(() => "", (error) => {
        expect(errorOutcome(error)).toMatchObject({ code: "permission_denied", reason: "PERMISSION_DENIED" });
        return String(error.rawMessage);
      });
      expect(message.replace(/".*"/, "")).toBe("This caller may not use account ");
      await expect(Array.fromAsync(client.watchRefund({ account, refundNo: "LOAD-1" }))).rejects.toSatisfy((error) =>
        errorOutcome(error).reason === "PERMISSION_DENIED"
      );
    }
    expect(service.sandboxes.v300.requests).toHaveLength(before);
    const metrics = await fetch(`${service.http}/metrics`, { headers: { authorization: `Bearer ${TWO}` } });
    expect({ status: metrics.status, body: await metrics.text() }).toEqual({
      status: 403,
      body: "This caller may only use its accounts\n",
    });
  });

  test("tells an unrestricted caller of an unknown account", async () => {
    await using service = await startFive();
    for (const account of ["nowhere", ""]) {
      expect(await outcomeOf(service.client(ALL).syncRefund({ account, refundNo: "LOAD-1" }))).toMatchObject({
        code: "invalid_argument",
        reason: "INVALID_REQUEST",
        delivery: "NOT_SENT",
      });
    }
  });

  test("syncs a batch over several accounts, and rejects the requests for others one by one", async () => {
    await using service = await startFive();
    const requests = ["v208", "v300", "nowhere", "v4", "v208"].map((account, index) => ({
      account,
      refundNo: `LOAD-${index}`,
    }));
    const results = await Array.fromAsync(service.client(TWO).batchSyncRefunds({ requests }));
    const sorted = results.toSorted((one, other) => one.index - other.index);
    expect(sorted.map(resultOutcome)).toMatchObject([
      { status: "SUCCEEDED" },
      { reason: "PERMISSION_DENIED" },
      { reason: "PERMISSION_DENIED" },
      { status: "SUCCEEDED" },
      { status: "SUCCEEDED" },
    ]);
    const accounts = sorted.map(({ outcome }) => outcome.case === "refund" ? outcome.value.account : undefined);
    expect(accounts).toEqual(["v208", undefined, undefined, "v4", "v208"]);
  });
});

describe.each(["3.0.0-beta4", "3.0.0"] as const)("createApp() with two accounts of one merchant on %s", (release) => {
  const start = async () => {
    const sandbox = await createSandbox({ release, latencyMs: 50 });
    const service = await startAccounts({
      accounts(file) {
        const settings = {
          secret_file: file("secret", "123456"),
          release,
          app_id: APP_ID,
          mch_no: MCH_NO,
          settle_on_start: "off",
        };
        return { one: { ...settings, url: sandbox.url }, two: { ...settings, url: `${sandbox.url}/` } };
      },
    });
    return {
      ...service,
      sandbox,
      async [Symbol.asyncDispose]() {
        await service.app.close();
        await sandbox.close();
      },
    };
  };

  test("sends one sync of a refund that both name", async () => {
    await using service = await start();
    service.sandbox.addRefund({ refundNo: "R1", state: "CLOSED", amount: 1_000, refundableBalance: 5_000 });
    const calls = Array.from(
      { length: 20 },
      (_, index) => ({ account: index % 2 === 0 ? "one" : "two", refundNo: "R1" }),
    );
    const outcomes = await Promise.all(calls.map((request) => outcomeOf(service.client().syncRefund(request))));
    expect(new Set(outcomes.map((outcome) => "status" in outcome && outcome.status))).toEqual(new Set(["CLOSED"]));
    expect(service.sandbox.refund("R1")).toMatchObject({ syncs: 1, credits: 1 });
  });
});
