import { configure, type LogRecord, reset } from "@logtape/logtape";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createSandbox } from "../../src/sandbox/sandbox.ts";
import { startService } from "../support/service.ts";

const SANDBOX = { release: "2.0.8" } as const;
const WRONG_SECRET = { DAXPAY_SIGN_SECRET: "MTIzNDU2" };

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

/** Log records of the checks. */
const checks = () => records.filter(({ rawMessage }) => String(rawMessage).startsWith("DaxPay check"));

describe("DAXPAY_CHECK", () => {
  test("=warn logs that all checks passed, once the service listens", async () => {
    await using service = await startService({ sandbox: SANDBOX, variables: { DAXPAY_CHECK: "warn" } });
    await expect.poll(checks).toHaveLength(1);
    const requests = service.sandbox.requests.length;
    expect(requests).toBeGreaterThan(0);
    expect(checks()).toMatchObject([{ level: "info", properties: { requests } }]);
  });

  test("=warn logs the failed check with its advice, and the service runs", async () => {
    await using service = await startService({
      sandbox: SANDBOX,
      variables: { DAXPAY_CHECK: "warn", ...WRONG_SECRET },
    });
    await expect.poll(checks).toMatchObject([
      {
        level: "error",
        properties: {
          check: "Signature",
          causes: ["SECRET_IS_BASE64"],
          advice: expect.stringContaining("DAXPAY_SIGN_SECRET"),
        },
      },
      { level: "error" },
    ]);
    expect(await fetch(`${service.http}/readyz`)).toMatchObject({ status: 200 });
    expect(Deno.inspect(checks(), { depth: 9 })).not.toContain(WRONG_SECRET.DAXPAY_SIGN_SECRET);
  });

  test("=warn does not delay the start when DaxPay does not answer, nor the end", async () => {
    const hanging = await createSandbox(SANDBOX);
    hanging.setFault("hang");
    const started = performance.now();
    const service = await startService({ variables: { DAXPAY_CHECK: "warn", DAXPAY_URL: hanging.url } });
    await expect.poll(() => hanging.requests).toHaveLength(1);
    await service[Symbol.asyncDispose]();
    expect(performance.now() - started).toBeLessThan(5_000);
    await hanging.close();
    await expect.poll(() => records.at(-1)?.rawMessage).toBe("Stopped");
  });

  test("=require rejects the start when a check fails, and names the fault", async () => {
    const start = startService({ sandbox: SANDBOX, variables: { DAXPAY_CHECK: "require", ...WRONG_SECRET } });
    await expect(start).rejects.toThrow(
      /^DAXPAY_CHECK: expected every check of DaxPay to pass, got account default: Signature: /,
    );
    expect(records.some(({ rawMessage }) => String(rawMessage).startsWith("Listening"))).toBe(false);
  });

  test("=require lets the service start when all checks pass, before it listens", async () => {
    await using _service = await startService({ sandbox: SANDBOX, variables: { DAXPAY_CHECK: "require" } });
    const messages = records.map(({ rawMessage }) => String(rawMessage));
    expect(messages.findIndex((text) => text.startsWith("DaxPay checks passed")))
      .toBeLessThan(messages.findIndex((text) => text.startsWith("Listening")));
  });

  test("=off sends nothing", async () => {
    await using service = await startService({ sandbox: SANDBOX, variables: { DAXPAY_CHECK: "off" } });
    await service.client.syncRefund({ refundNo: "R-SUCCEEDS" });
    expect(checks()).toEqual([]);
    expect(service.sandbox.requests.filter(({ body }) => body.includes("DOCTOR-"))).toEqual([]);
  });
});
