import { describe, expect, test } from "vitest";
import type { SandboxOptions } from "../../src/sandbox/options.ts";
import { AFTER_FAILURE, envOf, type Findings, run, WARNINGS, withSandbox } from "./run.ts";

type Release = NonNullable<SandboxOptions["release"]>;

const RELEASES: readonly Release[] = ["documented", "2.0.6", "2.0.7", "2.0.8", "3.0.0-beta4", "3.0.0"];

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
