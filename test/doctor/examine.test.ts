import { describe, expect, test } from "vitest";
import type { SandboxOptions } from "../../src/sandbox/options.ts";
import {
  AFTER_FAILURE,
  AFTER_REJECTION,
  type Env,
  envOf,
  type Findings,
  run,
  SECRET,
  WARNINGS,
  withSandbox,
} from "./run.ts";

interface Case extends Partial<Findings> {
  readonly name: string;
  readonly server: SandboxOptions;
  readonly release: string;
  readonly env?: Env;
  /** Milliseconds by which the doctor's clock is ahead. */
  readonly aheadMs?: number;
  /** Part of the output. */
  readonly says: string;
}

const both = { DAXPAY_APP_ID: "M8207639754663343", DAXPAY_MCH_NO: "M1745845174843" };

const PASSING: readonly Case[] = (["documented", "2.0.6", "2.0.7", "2.0.8", "3.0.0-beta4", "3.0.0"] as const)
  .flatMap((release) =>
    (["HMAC_SHA256", "MD5", ...(release.startsWith("3") ? ["SM3"] as const : [])] as const).map((signType) => ({
      name: `${release} with ${signType}`,
      server: { release, signType },
      release,
      env: { DAXPAY_SIGN_TYPE: signType },
      says: "未查询到退款订单",
    }))
  );

const SECRETS: readonly Case[] = (["2.0.6", "2.0.7", "2.0.8", "3.0.0-beta4", "3.0.0"] as const).flatMap((
  release,
): Case[] => [
  {
    name: `${release}, wrong secret`,
    server: { release, secret: "another-secret" },
    release,
    failed: { signature: ["WRONG_SECRET"] },
    skipped: AFTER_REJECTION,
    says: "The secret is wrong, or DaxPay has another",
  },
  {
    name: `${release}, MD5 in DaxPay and HMAC here`,
    server: { release, signType: "MD5" },
    release,
    failed: { signature: ["WRONG_SIGN_TYPE"] },
    skipped: AFTER_FAILURE,
    says: "set DAXPAY_SIGN_TYPE=MD5",
  },
  {
    name: `${release}, HMAC in DaxPay and MD5 here`,
    server: { release },
    release,
    env: { DAXPAY_SIGN_TYPE: "MD5" },
    failed: { signature: ["WRONG_SIGN_TYPE"] },
    skipped: AFTER_FAILURE,
    says: "set DAXPAY_SIGN_TYPE=HMAC_SHA256",
  },
]);

const MISTAKES: readonly Case[] = [
  {
    name: "DaxPay still has the previous secret",
    server: { release: "3.0.0" },
    release: "3.0.0",
    env: { DAXPAY_SIGN_SECRET: "brand-new", DAXPAY_SIGN_SECRET_PREVIOUS: SECRET },
    failed: { signature: ["SECRET_IS_PREVIOUS"] },
    skipped: AFTER_FAILURE,
    says: "DAXPAY_SIGN_SECRET_PREVIOUS",
  },
  {
    name: "2.0.6 configured as 2.0.8",
    server: { release: "2.0.6" },
    release: "2.0.8",
    failed: { path: ["WRONG_RELEASE", "NONCE_UNKNOWN"] },
    skipped: AFTER_FAILURE,
    says: "set DAXPAY_RELEASE=2.0.6",
  },
  {
    name: "2.0.8 configured as 2.0.6",
    server: { release: "2.0.8" },
    release: "2.0.6",
    failed: { path: ["WRONG_RELEASE"] },
    skipped: AFTER_FAILURE,
    says: "set DAXPAY_RELEASE=2.0.8",
  },
  {
    name: "2.0.7 configured as 2.0.8",
    server: { release: "2.0.7" },
    release: "2.0.8",
    failed: { signature: ["WRONG_RELEASE", "NONCE_UNKNOWN"] },
    skipped: AFTER_FAILURE,
    says: "does not know nonceStr",
  },
  {
    name: "2.0.8 configured as 2.0.7, which it accepts",
    server: { release: "2.0.8" },
    release: "2.0.7",
    says: "All checks passed",
  },
  {
    name: "2.0.7 configured as 2.0.8 with a wrong secret",
    server: { release: "2.0.7", secret: "another-secret" },
    release: "2.0.8",
    failed: { signature: ["WRONG_SECRET", "WRONG_RELEASE", "NONCE_UNKNOWN"] },
    skipped: AFTER_REJECTION,
    says: "set DAXPAY_RELEASE=2.0.7",
  },
  {
    name: "2.0.8 with MD5 configured as 2.0.6 with HMAC and a line break",
    server: { release: "2.0.8", signType: "MD5" },
    release: "2.0.6",
    env: { DAXPAY_SIGN_SECRET: `${SECRET}\n` },
    failed: { path: ["WRONG_RELEASE"], signature: ["WRONG_SIGN_TYPE", "SECRET_ENDS_IN_LINE_BREAK"] },
    skipped: AFTER_FAILURE,
    says: "set DAXPAY_RELEASE=2.0.8",
  },
  ...(["2.0.6", "2.0.7", "2.0.8"] as const).map((release): Case => ({
    name: `documented configured for ${release}`,
    server: { release },
    release: "documented",
    failed: { path: ["DOCUMENTED_PATH", "WRONG_RELEASE"] },
    skipped: AFTER_FAILURE,
    says: `set DAXPAY_RELEASE=${release}`,
  })),
  ...(["3.0.0-beta4", "3.0.0"] as const).map((release): Case => ({
    name: `documented configured for ${release} with its numbers`,
    server: { release },
    release: "documented",
    env: both,
    failed: { path: ["DOCUMENTED_PATH", "WRONG_RELEASE"] },
    skipped: AFTER_FAILURE,
    says: `set DAXPAY_RELEASE=${release}`,
  })),
  {
    name: "documented configured for 2.0.8 with a wrong secret",
    server: { release: "2.0.8", secret: "another-secret" },
    release: "documented",
    failed: { path: ["DOCUMENTED_PATH", "WRONG_RELEASE"], signature: ["WRONG_SECRET"] },
    skipped: AFTER_REJECTION,
    says: "set DAXPAY_RELEASE=2.0.8",
  },
  {
    name: "3.0.0 configured as 2.0.8 without its numbers",
    server: { release: "3.0.0" },
    release: "2.0.8",
    failed: { path: ["WRONG_RELEASE"], signature: ["MERCHANT_UNKNOWN"] },
    skipped: AFTER_REJECTION,
    says: "set DAXPAY_RELEASE=3.0.0 and DAXPAY_APP_ID and DAXPAY_MCH_NO",
  },
  {
    name: "beta4 configured as 2.0.8 without its number",
    server: { release: "3.0.0-beta4" },
    release: "2.0.8",
    failed: { path: ["WRONG_RELEASE"], signature: ["APP_UNKNOWN"] },
    skipped: AFTER_REJECTION,
    says: "set DAXPAY_RELEASE=3.0.0-beta4 and DAXPAY_APP_ID",
  },
  {
    name: "beta4 configured as 3.0.0",
    server: { release: "3.0.0-beta4" },
    release: "3.0.0",
    failed: { signature: ["WRONG_RELEASE"] },
    skipped: AFTER_FAILURE,
    says: "set DAXPAY_RELEASE=3.0.0-beta4",
  },
  {
    name: "3.0.0 configured as beta4 with both numbers",
    server: { release: "3.0.0" },
    release: "3.0.0-beta4",
    env: both,
    failed: { signature: ["WRONG_RELEASE"] },
    skipped: AFTER_FAILURE,
    says: "set DAXPAY_RELEASE=3.0.0",
  },
  {
    name: "3.0.0 configured as beta4 without a merchant number",
    server: { release: "3.0.0" },
    release: "3.0.0-beta4",
    env: { DAXPAY_MCH_NO: "" },
    failed: { signature: ["WRONG_RELEASE", "MERCHANT_UNKNOWN"] },
    skipped: AFTER_REJECTION,
    says: "set DAXPAY_RELEASE=3.0.0 and DAXPAY_MCH_NO",
  },
  ...(["3.0.0-beta4", "3.0.0"] as const).map((release): Case => ({
    name: `${release}, unknown application`,
    server: { release },
    release,
    env: { DAXPAY_APP_ID: "M1" },
    failed: { signature: ["APP_UNKNOWN"] },
    skipped: AFTER_REJECTION,
    says: "set or correct DAXPAY_APP_ID",
  })),
  {
    name: "3.0.0, unknown merchant",
    server: { release: "3.0.0" },
    release: "3.0.0",
    env: { DAXPAY_MCH_NO: "M1" },
    failed: { signature: ["MERCHANT_UNKNOWN"] },
    skipped: AFTER_REJECTION,
    says: "set or correct DAXPAY_MCH_NO",
  },
  {
    name: "a path of its own that is not there",
    server: { release: "2.0.8" },
    release: "2.0.8",
    env: { DAXPAY_SYNC_PATH: "/refunds/sync" },
    failed: { path: ["PATH_NOT_SERVED"] },
    skipped: AFTER_FAILURE,
    says: "Remove DAXPAY_SYNC_PATH",
  },
  {
    name: "a path prefix that is not there",
    server: { release: "2.0.8" },
    release: "2.0.8",
    env: { DAXPAY_URL: "/server" },
    failed: { path: ["NOT_DAXPAY"] },
    skipped: ["signature", ...AFTER_REJECTION],
    says: "path prefix",
  },
];

const CLOCKS: readonly Case[] = [
  {
    name: "20 s slow against 2.0.8",
    server: { release: "2.0.8" },
    release: "2.0.8",
    aheadMs: -20_000,
    failed: { clock: ["CLOCK_BEHIND"] },
    says: "clock is 20 s behind DaxPay's; 2.0.8 as shipped accepts up to 10 s: synchronize",
  },
  {
    name: "90 s fast against 2.0.8",
    server: { release: "2.0.8" },
    release: "2.0.8",
    aheadMs: 90_000,
    failed: { clock: ["CLOCK_AHEAD"] },
    says: "clock is 90 s ahead of DaxPay's; 2.0.8 as shipped accepts up to 61 s: synchronize",
  },
  {
    name: "20 s slow against 2.0.8, configured as documented",
    server: { release: "2.0.8" },
    release: "documented",
    aheadMs: -20_000,
    failed: { path: ["DOCUMENTED_PATH", "WRONG_RELEASE"], clock: ["CLOCK_BEHIND"] },
    skipped: AFTER_FAILURE,
    says: "clock is 20 s behind DaxPay's",
  },
  {
    name: "20 s slow against 2.0.7, which has no limit",
    server: { release: "2.0.7" },
    release: "2.0.7",
    aheadMs: -20_000,
    says: "clock is 20 s behind DaxPay's",
  },
  {
    name: "20 s slow against a 2.0.8 that verifies first, which has no limit",
    server: { release: "2.0.8", verifyFirst: true },
    release: "2.0.8",
    aheadMs: -20_000,
    warnings: { signature: ["SIGNATURE_NOT_VERIFIED"] },
    says: "clock is 20 s behind DaxPay's",
  },
  {
    name: "10 minutes slow against 2.0.7, beyond what the service accepts",
    server: { release: "2.0.7" },
    release: "2.0.7",
    aheadMs: -600_000,
    failed: { clock: ["CLOCK_BEHIND"] },
    says: "DAXPAY_MAX_SKEW_MS",
  },
  {
    name: "a minute slow against a 3.0.0 that limits the age",
    server: { release: "3.0.0", reqTimeoutSeconds: 30 },
    release: "3.0.0",
    aheadMs: -60_000,
    failed: { clock: ["CLOCK_BEHIND"] },
    warnings: {},
    says: "clock is 60 s behind DaxPay's",
  },
  {
    name: "another zone than beta4's",
    server: { release: "3.0.0-beta4", timeZone: "UTC" },
    release: "3.0.0-beta4",
    failed: { clock: ["WRONG_TIME_ZONE"] },
    says: "set DAXPAY_TIME_ZONE",
  },
  {
    name: "another zone than that of a 3.0.0 that limits the age",
    server: { release: "3.0.0", timeZone: "UTC", reqTimeoutSeconds: 30 },
    release: "3.0.0",
    failed: { clock: ["WRONG_TIME_ZONE"] },
    warnings: {},
    says: "set DAXPAY_TIME_ZONE to its zone, whose clock shows UTC+00:00, for example UTC",
  },
  {
    name: "an unusual zone of a 3.0.0 that limits the age",
    server: { release: "3.0.0", timeZone: "Asia/Kolkata", reqTimeoutSeconds: 30 },
    release: "3.0.0",
    failed: { clock: ["WRONG_TIME_ZONE"] },
    skipped: AFTER_REJECTION,
    warnings: {},
    says: "set DAXPAY_TIME_ZONE to its zone\n",
  },
];

/** Only a run without earlier failures gets to what a release warns of as shipped. */
function expectedWarnings({ failed = {}, release }: Case): Findings["warnings"] {
  const shipped = Object.entries(WARNINGS[release]).filter(([id]) => !Object.hasOwn(failed, id));
  return Object.keys(failed).every((id) => id === "clock") ? Object.fromEntries(shipped) : {};
}

describe.each([
  ["passes", PASSING],
  ["names what is wrong with the signature:", SECRETS],
  ["names what else is wrong:", MISTAKES],
  ["names the clocks' difference:", CLOCKS],
])("doctor %s", (_, cases) => {
  test.each(cases)("$name", async (row) => {
    const { server, release, env, aheadMs, failed = {}, warnings = expectedWarnings(row), skipped = [] } = row;
    await withSandbox(server, async (url) => {
      const prefix = env?.DAXPAY_URL ?? "";
      const result = await run(envOf(url, release, { ...env, DAXPAY_URL: url + prefix }), { aheadMs });
      expect(result.findings).toEqual({ failed, warnings, skipped });
      expect(result.text).toContain(row.says);
      const ok = Object.keys(failed).length === 0;
      expect(result).toMatchObject({ ok, exitCode: ok ? 0 : 1 });
    });
  });
});

test("doctor sends few requests, one after the other, about one refund that cannot exist", async () => {
  await withSandbox({ release: "2.0.8", secret: "another-secret" }, async (url, sandbox) => {
    await run(
      envOf(url, "2.0.8", {
        DAXPAY_SYNC_PATH: "/unipay/sync/refund",
        DAXPAY_SIGN_SECRET: ` "${SECRET}" \n`,
        DAXPAY_SIGN_SECRET_PREVIOUS: "older",
      }),
    );
    expect(sandbox.requests.length).toBeLessThanOrEqual(2 * 31);
    expect(sandbox.maxConcurrent).toBe(1);
    const numbers = new Set(sandbox.requests.map(({ members }) => String(members?.refundNo)));
    expect(numbers.size).toBe(2);
    for (const number of numbers) expect(number).toMatch(/^DOCTOR-[0-9a-f]{25}$/);
    const signatures = new Set(sandbox.requests.map(({ path, members }) => `${path} ${members?.sign}`));
    expect(signatures.size).toBe(sandbox.requests.length);
  });
});
