import { describe, expect, test } from "vitest";
import type { SandboxOptions } from "../../src/sandbox/options.ts";
import { AFTER_FAILURE, type Env, envOf, type Findings, NOW, run, WARNINGS, withSandbox } from "./run.ts";

type Release = NonNullable<SandboxOptions["release"]>;

const RELEASES: readonly Release[] = ["documented", "2.0.6", "2.0.7", "2.0.8", "3.0.0-beta4", "3.0.0"];
const QUERIED: readonly Release[] = ["2.0.7", "2.0.8", "3.0.0-beta4", "3.0.0"];
const QUERY_PATH = "/unipay/query/refundOrder";

describe("doctor's signature check", () => {
  test.each(RELEASES)("passes when %s rejects a wrong signature", async (release) => {
    await withSandbox({ release }, async (url) => {
      const { findings, text } = await run(envOf(url, release));
      expect(findings).toMatchObject({ failed: {}, warnings: WARNINGS[release] });
      expect(text).toContain("accepted, and a wrong signature is rejected");
    });
  });

  test.each(RELEASES)("warns when %s has the check switched off", async (release) => {
    await withSandbox({ release, requireSignature: false }, async (url) => {
      const { findings, text, exitCode } = await run(envOf(url, release));
      expect(findings.failed).toEqual({});
      expect(findings.warnings.signature).toEqual(["SIGNATURE_NOT_VERIFIED"]);
      expect(text).toContain("req_sign) is switched off in DaxPay");
      expect(exitCode).toBe(0);
    });
  });

  test.each<[Release, string]>([["2.0.7", "PaymentVerifySignAop"], ["2.0.8", "PaymentVerifyAop"]])(
    "explains a build of %s that verifies first",
    async (release, verifier) => {
      await withSandbox({ release, verifyFirst: true }, async (url) => {
        const { findings, text } = await run(envOf(url, release));
        expect(findings).toEqual({ failed: {}, warnings: { signature: ["SIGNATURE_NOT_VERIFIED"] }, skipped: [] });
        expect(text).toContain(`${verifier} before InitPlatformInfoAop`);
        expect(text).toContain("a wrong secret shows as REPLY_UNVERIFIED instead of SIGNATURE_REJECTED");
      });
    },
  );

  test("leaves a wrong secret to the reply when a build verifies first", async () => {
    await withSandbox({ release: "2.0.7", verifyFirst: true, secret: "another-secret" }, async (url) => {
      const { findings, text } = await run(envOf(url, "2.0.7"));
      expect(findings).toEqual({
        failed: { reply: ["WRONG_SECRET"] },
        warnings: { signature: ["SIGNATURE_NOT_VERIFIED"] },
        skipped: AFTER_FAILURE,
      });
      expect(text).toContain("accepts a wrong secret, so that it shows only here");
    });
  });

  test.each<[Release, Findings["failed"]]>([
    ["2.0.7", { reply: ["NOT_ENABLED"] }],
    ["2.0.8", { signature: ["NOT_ENABLED"] }],
  ])("names an interface that is off when a build of %s verifies first", async (release, failed) => {
    await withSandbox({ release, verifyFirst: true, interfaces: { sync: "off" } }, async (url) => {
      const { findings } = await run(envOf(url, release));
      expect(findings.failed).toEqual(failed);
    });
  });
});

describe("doctor's query check", () => {
  test.each(QUERIED)("passes when the query of %s verifies", async (release) => {
    await withSandbox({ release }, async (url, sandbox) => {
      const { steps } = await run(envOf(url, release));
      expect(steps[4]).toMatchObject({
        id: "query",
        status: "passed",
        found: expect.stringContaining("退款订单不存在"),
      });
      expect(steps[4].found).toContain("DAXPAY_QUERY=auto sends it before each sync");
      expect(sandbox.requests.filter(({ path }) => path === QUERY_PATH)).toHaveLength(2);
    });
  });

  test.each(["documented", "2.0.6"] as const)("sends nothing when %s has no query", async (release) => {
    await withSandbox({ release }, async (url, sandbox) => {
      const { steps } = await run(envOf(url, release));
      expect(steps[4]).toMatchObject({ id: "query", status: "passed" });
      expect(steps[4].found).toContain(`${release} has no refund query that works`);
      expect(sandbox.requests.filter(({ path }) => path.includes("query"))).toEqual([]);
    });
  });

  test("sends nothing with DAXPAY_QUERY=off", async () => {
    await withSandbox({ release: "2.0.8" }, async (url, sandbox) => {
      const { steps } = await run(envOf(url, "2.0.8", { DAXPAY_QUERY: "off" }));
      expect(steps[4]).toMatchObject({
        id: "query",
        status: "passed",
        found: "not checked: DAXPAY_QUERY=off never sends it",
      });
      expect(sandbox.requests.filter(({ path }) => path === QUERY_PATH)).toEqual([]);
    });
  });

  test("warns when DAXPAY_QUERY=only has no effect", async () => {
    await withSandbox({ release: "2.0.6" }, async (url) => {
      const { steps, ok } = await run(envOf(url, "2.0.6", { DAXPAY_QUERY: "only" }));
      expect(steps[4]).toMatchObject({ id: "query", status: "warning", causes: ["NO_QUERY"] });
      expect(ok).toBe(true);
    });
  });

  test.each<[Release, "off" | "missing"]>([["2.0.7", "off"], ["2.0.7", "missing"], ["2.0.8", "off"], [
    "2.0.8",
    "missing",
  ]])("fails when the interface of %s is %s", async (release, state) => {
    await withSandbox({ release, interfaces: { query: state } }, async (url) => {
      const { findings, text } = await run(envOf(url, release));
      expect(findings).toEqual({ failed: { query: ["NOT_ENABLED"] }, warnings: {}, skipped: [] });
      expect(text).toContain("Switch the interface queryRefundOrder");
    });
  });

  test.each<[Release, "html-200" | "redirect", Findings]>([
    ["2.0.8", "html-200", { failed: { query: ["PATH_NOT_SERVED"] }, warnings: {}, skipped: [] }],
    ["2.0.8", "redirect", { failed: { query: ["PATH_NOT_SERVED"] }, warnings: {}, skipped: [] }],
  ])("fails when a proxy in front of %s answers with %s", async (release, fault, findings) => {
    await withSandbox({ release }, async (url, sandbox) => {
      sandbox.setFault(fault, { endpoint: "query" });
      expect(await run(envOf(url, release))).toMatchObject({ findings, exitCode: 1 });
    });
  });

  test.each<[Release, "wrong-sign" | "no-sign"]>([
    ["2.0.8", "wrong-sign"],
    ["2.0.8", "no-sign"],
    ["3.0.0", "wrong-sign"],
    ["3.0.0", "no-sign"],
  ])("fails when the reply of %s has the fault %s", async (release, fault) => {
    await withSandbox({ release }, async (url, sandbox) => {
      sandbox.setFault(fault, { endpoint: "query" });
      const { findings } = await run(envOf(url, release));
      expect(findings.failed).toEqual({ query: ["REPLY_UNREADABLE"] });
    });
  });

  test("warns when the request fails", async () => {
    await withSandbox({ release: "2.0.8" }, async (url, sandbox) => {
      sandbox.setFault("reset", { endpoint: "query" });
      const { findings } = await run(envOf(url, "2.0.8"));
      expect(findings).toEqual({ failed: {}, warnings: { query: ["INCONCLUSIVE"] }, skipped: [] });
    });
  });
});

describe("doctor's request age check", () => {
  const cases: readonly (readonly [string, SandboxOptions, string, Findings["warnings"]])[] = [
    ["2.0.7, which has no limit", { release: "2.0.7" }, "harmless on 2.x", {}],
    ["2.0.8 as shipped", { release: "2.0.8" }, "a request older than 60 s (DAXPAY_SETTLE_TIMEOUT) is rejected", {}],
    ["2.0.8 that verifies first", { release: "2.0.8", verifyFirst: true }, "not limited", {
      signature: ["SIGNATURE_NOT_VERIFIED"],
    }],
    ["beta4, which has no limit", { release: "3.0.0-beta4" }, "3.0.0-beta4 cannot limit it", {
      requestAge: ["REQUEST_AGE_UNLIMITED"],
    }],
    ["3.0.0 as shipped", { release: "3.0.0" }, "Switch the request timeout (req_timeout)", {
      requestAge: ["REQUEST_AGE_UNLIMITED"],
    }],
    ["3.0.0 with a limit", { release: "3.0.0", reqTimeoutSeconds: 30 }, "a request older than 60 s", {}],
    ["3.0.0 with a limit of an hour", { release: "3.0.0", reqTimeoutSeconds: 3600 }, "Raise DAXPAY_SETTLE_TIMEOUT", {
      requestAge: ["SETTLE_TIMEOUT_TOO_SHORT"],
    }],
  ];

  test.each(cases)("reports the limit of %s", async (_, server, says, warnings) => {
    await withSandbox(server, async (url) => {
      const { findings, text } = await run(envOf(url, server.release ?? "", {}));
      const { clock: __, ...others } = findings.warnings;
      expect({ failed: findings.failed, warnings: others }).toEqual({ failed: {}, warnings });
      expect(text).toContain(says);
    });
  });

  test("compares the limit with DAXPAY_SETTLE_TIMEOUT", async () => {
    await withSandbox({ release: "3.0.0", reqTimeoutSeconds: 30 }, async (url) => {
      const long = await run(envOf(url, "3.0.0", { DAXPAY_SETTLE_TIMEOUT: "35s" }));
      expect(long.steps[6]).toMatchObject({ id: "requestAge", status: "passed" });
      const short = await run(envOf(url, "3.0.0", { DAXPAY_SETTLE_TIMEOUT: "25s" }));
      expect(short.steps[6]).toMatchObject({ status: "warning", causes: ["SETTLE_TIMEOUT_TOO_SHORT"] });
    });
  });

  test.each([-50_000, 50_000])("counts a request's age by DaxPay's clock when ours is %i ms ahead", async (aheadMs) => {
    await withSandbox({ release: "3.0.0", reqTimeoutSeconds: 58 }, async (url) => {
      const { findings } = await run(envOf(url, "3.0.0"), { aheadMs });
      expect(findings.warnings.requestAge).toBeUndefined();
    });
    await withSandbox({ release: "3.0.0", reqTimeoutSeconds: 63 }, async (url) => {
      const { findings } = await run(envOf(url, "3.0.0"), { aheadMs });
      expect(findings.warnings.requestAge).toEqual(["SETTLE_TIMEOUT_TOO_SHORT"]);
    });
  });
});

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

describe("doctor's clock check", () => {
  test("reads the Date header of a server that is not DaxPay", async () => {
    await withSandbox({ release: "2.0.8" }, async (url) => {
      const { steps } = await run(envOf(url, "2.0.8", { DAXPAY_URL: `${url}/server` }));
      expect(steps[5]).toMatchObject({
        id: "clock",
        status: "passed",
        found: expect.stringContaining("HTTP Date header"),
      });
    });
  });

  test("is inconclusive without a Date header and a time in the reply", async () => {
    const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => {
      // Deno adds a Date header unless there is one.
      return new Response('{"code":30000,"msg":""}', { headers: { date: "none" } });
    });
    try {
      const { findings } = await run(envOf(`http://127.0.0.1:${server.addr.port}`, "2.0.8"), { now: NOW });
      expect(findings.warnings).toEqual({ clock: ["INCONCLUSIVE"] });
    } finally {
      await server.shutdown();
    }
  });
});
