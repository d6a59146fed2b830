import { describe, expect, test } from "vitest";
import type { SandboxOptions } from "../../src/sandbox/options.ts";
import { envOf, type Findings, run, withSandbox } from "./run.ts";

describe("doctor's request age check", () => {
  const cases: readonly (readonly [string, SandboxOptions, string, Findings["warnings"]])[] = [
    ["2.0.7, which has no limit", { release: "2.0.7" }, "harmless on 2.0.7", {}],
    ["2.0.8 as shipped", { release: "2.0.8" }, "a request older than 60 s (DAXPAY_SETTLE_TIMEOUT) is rejected", {}],
    ["2.0.8 that verifies first", { release: "2.0.8", verifyFirst: true }, "not limited", {
      signature: ["SIGNATURE_NOT_VERIFIED"],
    }],
    ["beta4, which has no limit", { release: "3.0.0-beta4" }, "3.0.0-beta4 cannot limit it", {
      requestAge: ["REQUEST_AGE_UNLIMITED"],
    }],
    ["3.0.0 as shipped", { release: "3.0.0" }, "Switch the request timeout (req_timeout)", {
      clock: ["TIME_ZONE_UNCHECKED"],
      requestAge: ["REQUEST_AGE_UNLIMITED"],
    }],
    ["3.0.0 with a limit", { release: "3.0.0", reqTimeoutSeconds: 30 }, "a request older than 60 s", {}],
    ["3.0.0 with a limit of an hour", { release: "3.0.0", reqTimeoutSeconds: 3600 }, "Raise DAXPAY_SETTLE_TIMEOUT", {
      clock: ["TIME_ZONE_UNCHECKED"],
      requestAge: ["SETTLE_TIMEOUT_TOO_SHORT"],
    }],
  ];

  test.each(cases)("reports the limit of %s", async (_, server, says, warnings) => {
    await withSandbox(server, async (url) => {
      const { findings, text } = await run(envOf(url, server.release ?? "", {}));
      expect(findings).toEqual({ failed: {}, warnings, skipped: [] });
      expect(text).toContain(says);
    });
  });

  test("compares the limit with DAXPAY_SETTLE_TIMEOUT", async () => {
    await withSandbox({ release: "3.0.0", reqTimeoutSeconds: 30 }, async (url) => {
      const long = await run(envOf(url, "3.0.0", { DAXPAY_SETTLE_TIMEOUT: "35s", DAXPAY_TIMEOUT_MS: "5000" }));
      expect(long.steps[6]).toMatchObject({ id: "requestAge", status: "passed" });
      const short = await run(envOf(url, "3.0.0", { DAXPAY_SETTLE_TIMEOUT: "25s", DAXPAY_TIMEOUT_MS: "5000" }));
      expect(short.steps[6]).toMatchObject({ status: "warning", causes: ["SETTLE_TIMEOUT_TOO_SHORT"] });
    });
  });

  test.each<[string, Findings["warnings"]]>([["14m", {}], ["30m", { clock: ["TIME_ZONE_UNCHECKED"] }]])(
    "proves the zone of a 3.0.0 where it is shorter than a zone's shift: %s",
    async (settleTimeout, warnings) => {
      await withSandbox({ release: "3.0.0", reqTimeoutSeconds: 30 }, async (url) => {
        const { findings } = await run(envOf(url, "3.0.0", { DAXPAY_SETTLE_TIMEOUT: settleTimeout }));
        expect(findings).toEqual({ failed: {}, warnings, skipped: [] });
      });
    },
  );

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
