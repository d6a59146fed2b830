import { describe, expect, test } from "vitest";
import type { SandboxOptions } from "../../src/sandbox/options.ts";
import { type Env, envOf, marks, run, SECRET, withSandbox } from "./run.ts";

interface Case {
  readonly name: string;
  readonly server: SandboxOptions;
  readonly release: string;
  readonly env?: Env;
  /** How far the doctor's clock is ahead, in milliseconds. */
  readonly aheadMs?: number;
  readonly marks: string;
  readonly causes: readonly string[];
  /** Must stand on the page. */
  readonly says: string;
}

const both = { DAXPAY_APP_ID: "M8207639754663343", DAXPAY_MCH_NO: "M1745845174843" };

const WELL: readonly Case[] = (["documented", "2.0.6", "2.0.7", "2.0.8", "3.0.0-beta4", "3.0.0"] as const)
  .flatMap((release) =>
    (["HMAC_SHA256", "MD5", ...(release.startsWith("3") ? ["SM3"] as const : [])] as const).map((signType) => ({
      name: `${release} with ${signType}`,
      server: { release, signType },
      release,
      env: { DAXPAY_SIGN_TYPE: signType },
      marks: "✓✓✓✓✓",
      causes: [],
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
    marks: "✓✓✗–✓",
    causes: ["signature: WRONG_SECRET"],
    says: "The secret is wrong, or DaxPay holds another",
  },
  {
    name: `${release}, secret with a line break`,
    server: { release },
    release,
    env: { DAXPAY_SIGN_SECRET: `${SECRET}\n` },
    marks: "✓✓✗✓✓",
    causes: ["signature: SECRET_ENDS_IN_LINE_BREAK"],
    says: "The secret ends in a line break",
  },
  {
    name: `${release}, MD5 in DaxPay and HMAC here`,
    server: { release, signType: "MD5" },
    release,
    marks: "✓✓✗✓✓",
    causes: ["signature: WRONG_SIGN_TYPE"],
    says: "set DAXPAY_SIGN_TYPE=MD5",
  },
  {
    name: `${release}, HMAC in DaxPay and MD5 here`,
    server: { release },
    release,
    env: { DAXPAY_SIGN_TYPE: "MD5" },
    marks: "✓✓✗✓✓",
    causes: ["signature: WRONG_SIGN_TYPE"],
    says: "set DAXPAY_SIGN_TYPE=HMAC_SHA256",
  },
]);

const MISTAKES: readonly Case[] = [
  {
    name: "secret with blanks",
    server: { release: "2.0.8" },
    release: "2.0.8",
    env: { DAXPAY_SIGN_SECRET: ` ${SECRET}\t` },
    marks: "✓✓✗✓✓",
    causes: ["signature: SECRET_HAS_WHITE_SPACE"],
    says: "white space",
  },
  {
    name: "secret in quotes",
    server: { release: "2.0.8" },
    release: "2.0.8",
    env: { DAXPAY_SIGN_SECRET: `"${SECRET}"` },
    marks: "✓✓✗✓✓",
    causes: ["signature: SECRET_IN_QUOTES"],
    says: "in quotes",
  },
  {
    name: "DaxPay still holds the previous secret",
    server: { release: "3.0.0" },
    release: "3.0.0",
    env: { DAXPAY_SIGN_SECRET: "brand-new", DAXPAY_SIGN_SECRET_PREVIOUS: SECRET },
    marks: "✓✓✗✓✓",
    causes: ["signature: SECRET_IS_PREVIOUS"],
    says: "DAXPAY_SIGN_SECRET_PREVIOUS",
  },
  {
    name: "2.0.6 asked as 2.0.8",
    server: { release: "2.0.6" },
    release: "2.0.8",
    marks: "✓✗✓✓✓",
    causes: ["path: WRONG_RELEASE", "path: NONCE_UNKNOWN"],
    says: "set DAXPAY_RELEASE=2.0.6",
  },
  {
    name: "2.0.8 asked as 2.0.6",
    server: { release: "2.0.8" },
    release: "2.0.6",
    marks: "✓✗✓✓✓",
    causes: ["path: WRONG_RELEASE"],
    says: "set DAXPAY_RELEASE=2.0.8",
  },
  {
    name: "2.0.7 asked as 2.0.8",
    server: { release: "2.0.7" },
    release: "2.0.8",
    marks: "✓✓✗✓✓",
    causes: ["signature: WRONG_RELEASE", "signature: NONCE_UNKNOWN"],
    says: "does not know nonceStr",
  },
  {
    name: "2.0.8 asked as 2.0.7, which it understands",
    server: { release: "2.0.8" },
    release: "2.0.7",
    marks: "✓✓✓✓✓",
    causes: [],
    says: "All is well",
  },
  {
    name: "2.0.7 asked as 2.0.8 with a wrong secret",
    server: { release: "2.0.7", secret: "another-secret" },
    release: "2.0.8",
    marks: "✓✓✗–✓",
    causes: ["signature: WRONG_SECRET", "signature: WRONG_RELEASE", "signature: NONCE_UNKNOWN"],
    says: "set DAXPAY_RELEASE=2.0.7",
  },
  {
    name: "2.0.8 with MD5 asked as 2.0.6 with HMAC and a line break",
    server: { release: "2.0.8", signType: "MD5" },
    release: "2.0.6",
    env: { DAXPAY_SIGN_SECRET: `${SECRET}\n` },
    marks: "✓✗✗✓✓",
    causes: ["path: WRONG_RELEASE", "signature: WRONG_SIGN_TYPE", "signature: SECRET_ENDS_IN_LINE_BREAK"],
    says: "set DAXPAY_RELEASE=2.0.8",
  },
  ...(["2.0.6", "2.0.7", "2.0.8"] as const).map((release): Case => ({
    name: `documented asked of ${release}`,
    server: { release },
    release: "documented",
    marks: "✓✗✓✓✓",
    causes: ["path: DOCUMENTED_PATH", "path: WRONG_RELEASE"],
    says: `set DAXPAY_RELEASE=${release}`,
  })),
  ...(["3.0.0-beta4", "3.0.0"] as const).map((release): Case => ({
    name: `documented asked of ${release} with its numbers`,
    server: { release },
    release: "documented",
    env: both,
    marks: "✓✗✓✓✓",
    causes: ["path: DOCUMENTED_PATH", "path: WRONG_RELEASE"],
    says: `set DAXPAY_RELEASE=${release}`,
  })),
  {
    name: "documented asked of 2.0.8 with a wrong secret",
    server: { release: "2.0.8", secret: "another-secret" },
    release: "documented",
    marks: "✓✗✗–✓",
    causes: ["path: DOCUMENTED_PATH", "path: WRONG_RELEASE", "signature: WRONG_SECRET"],
    says: "set DAXPAY_RELEASE=2.0.8",
  },
  {
    name: "3.0.0 asked as 2.0.8 without its numbers",
    server: { release: "3.0.0" },
    release: "2.0.8",
    marks: "✓✗✗–✓",
    causes: ["path: WRONG_RELEASE", "signature: MERCHANT_UNKNOWN"],
    says: "set DAXPAY_RELEASE=3.0.0 and DAXPAY_APP_ID and DAXPAY_MCH_NO",
  },
  {
    name: "beta4 asked as 2.0.8 without its number",
    server: { release: "3.0.0-beta4" },
    release: "2.0.8",
    marks: "✓✗✗–✓",
    causes: ["path: WRONG_RELEASE", "signature: APP_UNKNOWN"],
    says: "set DAXPAY_RELEASE=3.0.0-beta4 and DAXPAY_APP_ID",
  },
  {
    name: "beta4 asked as 3.0.0",
    server: { release: "3.0.0-beta4" },
    release: "3.0.0",
    marks: "✓✓✗✓✓",
    causes: ["signature: WRONG_RELEASE"],
    says: "set DAXPAY_RELEASE=3.0.0-beta4",
  },
  {
    name: "3.0.0 asked as beta4 with both numbers",
    server: { release: "3.0.0" },
    release: "3.0.0-beta4",
    env: both,
    marks: "✓✓✗✓✓",
    causes: ["signature: WRONG_RELEASE"],
    says: "set DAXPAY_RELEASE=3.0.0",
  },
  {
    name: "3.0.0 asked as beta4 without a merchant number",
    server: { release: "3.0.0" },
    release: "3.0.0-beta4",
    env: { DAXPAY_MCH_NO: "" },
    marks: "✓✓✗–✓",
    causes: ["signature: WRONG_RELEASE", "signature: MERCHANT_UNKNOWN"],
    says: "set DAXPAY_RELEASE=3.0.0 and DAXPAY_MCH_NO",
  },
  ...(["3.0.0-beta4", "3.0.0"] as const).map((release): Case => ({
    name: `${release}, unknown application`,
    server: { release },
    release,
    env: { DAXPAY_APP_ID: "M1" },
    marks: "✓✓✗–✓",
    causes: ["signature: APP_UNKNOWN"],
    says: "set or correct DAXPAY_APP_ID",
  })),
  {
    name: "3.0.0, unknown merchant",
    server: { release: "3.0.0" },
    release: "3.0.0",
    env: { DAXPAY_MCH_NO: "M1" },
    marks: "✓✓✗–✓",
    causes: ["signature: MERCHANT_UNKNOWN"],
    says: "set or correct DAXPAY_MCH_NO",
  },
  {
    name: "a path of its own that is not there",
    server: { release: "2.0.8" },
    release: "2.0.8",
    env: { DAXPAY_SYNC_PATH: "/refunds/sync" },
    marks: "✓✗✓✓✓",
    causes: ["path: PATH_NOT_SERVED"],
    says: "Remove DAXPAY_SYNC_PATH",
  },
  {
    name: "a path prefix that is not there",
    server: { release: "2.0.8" },
    release: "2.0.8",
    env: { DAXPAY_URL: "/server" },
    marks: "✓✗–––",
    causes: ["path: NOT_DAXPAY"],
    says: "path prefix",
  },
];

const CLOCKS: readonly Case[] = [
  {
    name: "20 s slow against 2.0.8",
    server: { release: "2.0.8" },
    release: "2.0.8",
    aheadMs: -20_000,
    marks: "✓✓✓✓✗",
    causes: ["clock: CLOCK_BEHIND"],
    says: "clock is 20 s behind DaxPay's",
  },
  {
    name: "90 s fast against 2.0.8",
    server: { release: "2.0.8" },
    release: "2.0.8",
    aheadMs: 90_000,
    marks: "✓✓✓✓✗",
    causes: ["clock: CLOCK_AHEAD"],
    says: "clock is 90 s ahead of DaxPay's",
  },
  {
    name: "20 s slow against 2.0.8, asked as documented",
    server: { release: "2.0.8" },
    release: "documented",
    aheadMs: -20_000,
    marks: "✓✗✓✓✗",
    causes: ["path: DOCUMENTED_PATH", "path: WRONG_RELEASE", "clock: CLOCK_BEHIND"],
    says: "clock is 20 s behind DaxPay's",
  },
  {
    name: "20 s slow against 2.0.7, which does not care",
    server: { release: "2.0.7" },
    release: "2.0.7",
    aheadMs: -20_000,
    marks: "✓✓✓✓✓",
    causes: [],
    says: "clock is 20 s behind DaxPay's",
  },
  {
    name: "10 minutes slow against 2.0.7, beyond what the service believes",
    server: { release: "2.0.7" },
    release: "2.0.7",
    aheadMs: -600_000,
    marks: "✓✓✓✓✗",
    causes: ["clock: CLOCK_BEHIND"],
    says: "DAXPAY_MAX_SKEW_MS",
  },
  {
    name: "a minute slow against a 3.0.0 that looks at it",
    server: { release: "3.0.0", reqTimeoutSeconds: 30 },
    release: "3.0.0",
    aheadMs: -60_000,
    marks: "✓✓✓✓✗",
    causes: ["clock: CLOCK_BEHIND"],
    says: "clock is 60 s behind DaxPay's",
  },
  {
    name: "another zone than beta4's",
    server: { release: "3.0.0-beta4", timeZone: "UTC" },
    release: "3.0.0-beta4",
    marks: "✓✓✓✓✗",
    causes: ["clock: WRONG_TIME_ZONE"],
    says: "set DAXPAY_TIME_ZONE",
  },
  {
    name: "another zone than that of a 3.0.0 that looks at the time",
    server: { release: "3.0.0", timeZone: "UTC", reqTimeoutSeconds: 30 },
    release: "3.0.0",
    marks: "✓✓✓–✗",
    causes: ["clock: WRONG_TIME_ZONE"],
    says: "set DAXPAY_TIME_ZONE",
  },
];

describe.each([
  ["finds all well", WELL],
  ["names what is wrong with the signature", SECRETS],
  ["names what else is wrong", MISTAKES],
  ["names how far the clocks are apart", CLOCKS],
])("doctor %s", (_, cases) => {
  test.each(cases)("$name", async ({ server, release, env, aheadMs, ...wanted }) => {
    await withSandbox(server, async (url) => {
      const prefix = env?.DAXPAY_URL ?? "";
      const told = await run(envOf(url, release, { ...env, DAXPAY_URL: url + prefix }), { aheadMs });
      expect({ causes: told.causes, marks: marks(told) }).toEqual({ causes: wanted.causes, marks: wanted.marks });
      expect(told.page).toContain(wanted.says);
      expect(told.exitCode).toBe(wanted.causes.length === 0 ? 0 : 1);
      expect(told.ok).toBe(wanted.causes.length === 0);
    });
  });
});
