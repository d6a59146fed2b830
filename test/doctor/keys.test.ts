import { generateKeyPairSync } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { SandboxOptions } from "../../src/sandbox/options.ts";
import { AFTER_FAILURE, AFTER_REJECTION, type Env, envOf, type Findings, run, withSandbox } from "./run.ts";

const RELEASE = "4.0.0-beta";
const other = generateKeyPairSync("rsa", { modulusLength: 2048 });
const OTHER_PRIVATE = other.privateKey.export({ format: "pem", type: "pkcs8" }).toString();
const OTHER_PUBLIC = other.publicKey.export({ format: "pem", type: "spki" }).toString();
const NO_KEYS = { DAXPAY_PRIVATE_KEY: "", DAXPAY_PLATFORM_KEYS: "" };

interface Case extends Partial<Findings> {
  readonly name: string;
  readonly server?: SandboxOptions;
  readonly env?: Env;
  readonly aheadMs?: number;
  readonly says: string;
}

const CASES: readonly Case[] = [
  { name: "the first supported beta", server: { beta: "beijing-times" }, says: "All checks passed (4 requests)" },
  {
    name: "a beta before failures were signed",
    server: { beta: "signed-ping" },
    says: "checked as 4.0.0-beta with RSA",
  },
  { name: "the newest beta", says: 'verified: code 10405 "未查询到退款订单"' },
  {
    name: "a guard against replays",
    server: { enforceNonce: true, enforceRequestTime: true },
    says: "a request that is a day old is rejected",
  },
  { name: "an unset release", env: { DAXPAY_RELEASE: "" }, says: "checked as 4.0.0-beta with RSA" },
  {
    name: "an earlier beta",
    server: { beta: "utc-times" },
    failed: { signature: ["RELEASE_UNSUPPORTED"] },
    skipped: AFTER_REJECTION,
    says: "accepted as betas before 4.0.0-beta sign",
  },
  {
    name: "another private key",
    env: { DAXPAY_PRIVATE_KEY: OTHER_PRIVATE },
    failed: { signature: ["WRONG_PRIVATE_KEY"] },
    skipped: AFTER_REJECTION,
    says: "although DaxPay verified exactly the signed string",
  },
  {
    name: "another private key, without a signed ping",
    server: { beta: "beijing-times" },
    env: { DAXPAY_PRIVATE_KEY: OTHER_PRIVATE },
    failed: { signature: ["WRONG_PRIVATE_KEY"] },
    skipped: AFTER_REJECTION,
    says: "has no /unipay/ping",
  },
  {
    name: "another platform key",
    env: { DAXPAY_PLATFORM_KEYS: OTHER_PUBLIC },
    failed: { reply: ["WRONG_PLATFORM_KEY"] },
    skipped: AFTER_FAILURE,
    says: "does not match by any of DAXPAY_PLATFORM_KEYS",
  },
  {
    name: "a merchant without a public key",
    server: { merchantPublicKey: null },
    failed: { signature: ["MERCHANT_KEY_MISSING"] },
    skipped: AFTER_REJECTION,
    says: "商户公钥为空",
  },
  {
    name: "an unknown merchant",
    env: { DAXPAY_MCH_NO: "M1" },
    failed: { signature: ["MERCHANT_UNKNOWN"] },
    skipped: AFTER_REJECTION,
    says: "DAXPAY_MCH_NO",
  },
  {
    name: "a merchant that is switched off",
    server: { disabled: "merchant" },
    failed: { signature: ["NOT_ENABLED"] },
    skipped: AFTER_REJECTION,
    says: "商户未启用",
  },
  {
    name: "a clock that is behind",
    server: { enforceRequestTime: true },
    aheadMs: -400_000,
    failed: { clock: ["CLOCK_BEHIND"] },
    says: "400 s behind DaxPay's; 4.0.0-beta as shipped accepts up to 300 s",
  },
  {
    name: "a clock that is ahead",
    server: { enforceRequestTime: true },
    aheadMs: 400_000,
    failed: { clock: ["CLOCK_AHEAD"] },
    says: "400 s ahead of DaxPay's",
  },
  {
    name: "no check of signatures",
    server: { requireSignature: false },
    warnings: { signature: ["SIGNATURE_NOT_VERIFIED"] },
    says: "a wrong signature",
  },
  {
    name: "3.0.0 configured, with keys at hand",
    env: { DAXPAY_RELEASE: "3.0.0", DAXPAY_SIGN_SECRET: "123456" },
    failed: { signature: ["WRONG_RELEASE"] },
    skipped: AFTER_FAILURE,
    says: "set DAXPAY_RELEASE=4.0.0-beta",
  },
  {
    name: "3.0.0 configured, without keys",
    env: { ...NO_KEYS, DAXPAY_RELEASE: "3.0.0", DAXPAY_SIGN_SECRET: "123456" },
    failed: { signature: ["WRONG_RELEASE", "REQUEST_REJECTED"] },
    skipped: AFTER_REJECTION,
    says: "set DAXPAY_RELEASE=4.0.0-beta and DAXPAY_PRIVATE_KEY and DAXPAY_PLATFORM_KEYS",
  },
  {
    name: "3.0.0-beta4 in place of 4.0.0-beta",
    server: { release: "3.0.0-beta4" },
    failed: { signature: ["WRONG_RELEASE"] },
    skipped: AFTER_REJECTION,
    says: "set DAXPAY_RELEASE=3.0.0-beta4 and DAXPAY_SIGN_SECRET",
  },
  {
    name: "3.0.0 in place of 4.0.0-beta",
    server: { release: "3.0.0" },
    failed: { signature: ["WRONG_RELEASE", "REQUEST_REJECTED"] },
    skipped: AFTER_REJECTION,
    says: "set DAXPAY_RELEASE=3.0.0 and DAXPAY_SIGN_SECRET",
  },
];

describe("doctor of 4.0.0-beta finds", () => {
  test.each(CASES)("$name", async ({ server, env, aheadMs, failed = {}, warnings = {}, skipped = [], says }) => {
    await withSandbox({ release: RELEASE, ...server }, async (url) => {
      const result = await run(envOf(url, RELEASE, env), { aheadMs });
      expect(result.findings).toEqual({ failed, warnings, skipped });
      expect(result.text).toContain(says);
    });
  });

  test("where a proxy changes requests, by the string that DaxPay's signed ping shows", async () => {
    await withSandbox({ release: RELEASE }, async (url) => {
      const proxy = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
        const body = await request.json();
        const { pathname } = new URL(request.url);
        const changed = JSON.stringify({ ...body, appId: `${body.appId} ` });
        return await fetch(url + pathname, { method: "POST", headers: request.headers, body: changed });
      });
      try {
        const result = await run(envOf(`http://127.0.0.1:${proxy.addr.port}`, RELEASE));
        expect(result.findings.failed).toEqual({ signature: ["REQUEST_CHANGED"] });
        expect(result.text).toContain(
          'from character 24 on, this service signed "639754663343&mchNo=M1745845174843&no" and DaxPay verified "639754663343 &mchNo',
        );
      } finally {
        await proxy.shutdown();
      }
    });
  });

  test("a real refund by the query, and never syncs it", async () => {
    await withSandbox({ release: RELEASE }, async (url, sandbox) => {
      sandbox.addRefund({ refundNo: "R1", state: "SUCCESS" });
      const result = await run(envOf(url, RELEASE), { args: ["--refund-no", "R1"] });
      expect(result.findings).toEqual({ failed: {}, warnings: {}, skipped: [] });
      expect(result.text).toContain('Refund: verified: "progress"');
      expect(sandbox.refund("R1")).toMatchObject({ syncs: 0 });
    });
  });
});
