import { describe, expect, test } from "vitest";
import type { SandboxOptions } from "../../src/sandbox/options.ts";
import { type Env, envOf, run, withSandbox } from "./run.ts";

type Release = NonNullable<SandboxOptions["release"]>;

const QUERIED: readonly Release[] = ["2.0.7", "2.0.8", "3.0.0-beta4", "3.0.0"];

describe("doctor --refund-no", () => {
  const refund = (refundNo: string) => ({ args: ["--refund-no", refundNo] });

  test.each(QUERIED)("verifies the query's reply of %s and never syncs the refund", async (release) => {
    await withSandbox({ release }, async (url, sandbox) => {
      const { steps, findings } = await run(envOf(url, release), refund("R-SUCCEEDS"));
      expect(steps.at(-1)).toMatchObject({
        id: "refund",
        status: "passed",
        found: 'verified: "progress" by "wechat_pay"',
      });
      expect(findings.failed).toEqual({});
      expect(findings.warnings.clock).toBeUndefined();
      expect(sandbox.refund("R-SUCCEEDS")).toMatchObject({ syncs: 0, status: "progress" });
    });
  });

  test.each(["documented", "2.0.6"] as const)("is skipped when %s has no query", async (release) => {
    await withSandbox({ release }, async (url, sandbox) => {
      const { steps, exitCode } = await run(envOf(url, release), refund("R-SUCCEEDS"));
      expect(steps.at(-1)).toMatchObject({ id: "refund", status: "skipped", ok: null });
      expect(steps.at(-1)?.found).toContain("has no refund query that works");
      expect(exitCode).toBe(0);
      expect(sandbox.requests.filter(({ members }) => members?.refundNo === "R-SUCCEEDS")).toEqual([]);
    });
  });

  const zones: readonly (readonly [server: string, configured: string, shown: string])[] = [
    ["UTC", "Asia/Shanghai", "UTC+00:00, for example UTC"],
    ["Asia/Shanghai", "UTC", "UTC+08:00, for example Asia/Shanghai"],
    ["America/New_York", "Asia/Shanghai", "UTC-05:00, for example America/New_York"],
    ["Asia/Kolkata", "Asia/Tokyo", "UTC+05:30, for example Asia/"],
  ];

  test.each(zones)("names the zone of a 3.0.0 in %s when %s is configured", async (timeZone, configured, shown) => {
    await withSandbox({ release: "3.0.0", timeZone }, async (url) => {
      const env: Env = { DAXPAY_TIME_ZONE: configured };
      const { findings, text } = await run(envOf(url, "3.0.0", env), refund("R-SUCCEEDS"));
      expect(findings.failed).toEqual({ clock: ["WRONG_TIME_ZONE"] });
      expect(text).toContain(`DaxPay's server does not run in the zone ${configured}`);
      expect(text).toContain(shown);
    });
  });

  test("fails when DaxPay does not know the refund", async () => {
    await withSandbox({ release: "3.0.0" }, async (url) => {
      const { findings } = await run(envOf(url, "3.0.0"), refund("R-UNKNOWN"));
      expect(findings.failed).toEqual({ refund: ["REFUND_UNKNOWN"] });
    });
  });

  test.each(["3.0.0-beta4", "3.0.0"] as const)(
    "fails when another application of %s owns the refund",
    async (release) => {
      const server = { release, apps: { M2: "M1745845174843" } };
      await withSandbox(server, async (url, sandbox) => {
        sandbox.addRefund({ refundNo: "R-OTHER", appId: "M2" });
        const { findings } = await run(envOf(url, release), refund("R-OTHER"));
        expect(findings.failed).toEqual({ refund: ["REFUND_OF_OTHER_APP"] });
        expect(sandbox.refund("R-OTHER")).toMatchObject({ syncs: 0 });
      });
    },
  );

  test("fails when the query's reply is tampered with", async () => {
    await withSandbox({ release: "3.0.0" }, async (url, sandbox) => {
      sandbox.setFault("wrong-sign", { refundNo: "R-SUCCEEDS" });
      const { findings } = await run(envOf(url, "3.0.0"), refund("R-SUCCEEDS"));
      expect(findings.failed).toEqual({ refund: ["REPLY_UNREADABLE"] });
    });
  });

  test("is skipped when a check before it failed", async () => {
    await withSandbox({ release: "3.0.0", secret: "another-secret" }, async (url) => {
      const { findings } = await run(envOf(url, "3.0.0"), refund("R-SUCCEEDS"));
      expect(findings.skipped).toEqual(["reply", "query", "requestAge", "refund"]);
    });
  });
});
