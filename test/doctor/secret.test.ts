import { Buffer } from "node:buffer";
import { describe, expect, test } from "vitest";
import { secretsOf } from "../../src/doctor/secret.ts";
import type { Cause } from "../../src/doctor/step.ts";
import { AFTER_FAILURE, AFTER_REJECTION, envOf, run, SECRET, withSandbox } from "./run.ts";

/** As `readFileSync(path, "utf8")` returns UTF-16. */
const utf16 = (text: string) => Buffer.from(`\ufeff${text}`, "utf16le").toString("utf8");
const base64 = (text: string) => Buffer.from(text).toString("base64");
const fullWidth = (text: string) => text.replace(/\d/g, (digit) => String.fromCharCode(digit.charCodeAt(0) + 0xfee0));

const SPELLINGS: readonly (readonly [name: string, secret: string, causes: readonly Cause[], advice: string])[] = [
  ["a line break at its end", `${SECRET}\n`, ["SECRET_ENDS_IN_LINE_BREAK"], "The secret ends in a line break"],
  ["a lone CR at its end", `${SECRET}\r`, ["SECRET_ENDS_IN_LINE_BREAK"], "The secret ends in a line break"],
  ["blanks around it", ` ${SECRET}\t`, ["SECRET_HAS_WHITE_SPACE"], "white space at its start or end"],
  ["an ideographic space", `${SECRET}\u3000`, ["SECRET_HAS_WHITE_SPACE"], "white space at its start or end"],
  ["quotes", `"${SECRET}"`, ["SECRET_IN_QUOTES"], "is in quotes"],
  ["curly quotes", `“${SECRET}”`, ["SECRET_IN_QUOTES"], "is in quotes"],
  [
    "quotes and a line break",
    `"${SECRET}"\n`,
    ["SECRET_ENDS_IN_LINE_BREAK", "SECRET_IN_QUOTES"],
    "is in quotes",
  ],
  ["UTF-16", utf16(`${SECRET}\r\n`), ["SECRET_IS_UTF16"], "is stored as UTF-16"],
  [
    "a byte order mark",
    `\ufeff${SECRET}`,
    ["SECRET_HAS_INVISIBLE_CHARACTERS"],
    "contains 1 invisible character (U+FEFF byte order mark)",
  ],
  [
    "zero width spaces",
    `${SECRET}\u200b\u200b`,
    ["SECRET_HAS_INVISIBLE_CHARACTERS"],
    "contains 2 invisible characters (U+200B zero width space)",
  ],
  [
    "full-width digits",
    fullWidth(SECRET),
    ["SECRET_HAS_FULL_WIDTH_CHARACTERS"],
    "contains 1 full-width character",
  ],
  ["Base64", base64(SECRET), ["SECRET_IS_BASE64"], "is the Base64 form of another text"],
  ["Base64 of a line", base64(`${SECRET}\n`), ["SECRET_IS_BASE64"], "is the Base64 form of another text"],
  ["Base64 twice", base64(base64(SECRET)), ["SECRET_IS_BASE64"], "is the Base64 form of another text"],
];

describe("doctor names a secret with", () => {
  test.each(SPELLINGS)("%s, against a DaxPay that verifies requests", async (_, secret, causes, advice) => {
    await withSandbox({ release: "2.0.7" }, async (url) => {
      const result = await run(envOf(url, "2.0.7", { DAXPAY_SIGN_SECRET: secret }));
      expect(result.findings).toEqual({ failed: { signature: causes }, warnings: {}, skipped: AFTER_FAILURE });
      expect(result.text).toContain(advice);
      expect(result.exitCode).toBe(1);
    });
  });

  test.each(SPELLINGS)("%s, against a DaxPay that verifies no requests", async (_, secret, causes, advice) => {
    await withSandbox({ release: "2.0.8", verifyFirst: true }, async (url) => {
      const result = await run(envOf(url, "2.0.8", { DAXPAY_SIGN_SECRET: secret }));
      expect(result.findings).toEqual({
        failed: { reply: causes },
        warnings: { signature: ["SIGNATURE_NOT_VERIFIED"] },
        skipped: AFTER_FAILURE,
      });
      expect(result.text).toContain(advice);
    });
  });
});

test("doctor reads a secret's file as UTF-16 where it is", async () => {
  await withSandbox({ release: "2.0.6" }, async (url) => {
    const env = envOf(url, "2.0.6", { DAXPAY_SIGN_SECRET: "", DAXPAY_SIGN_SECRET_FILE: "/secret" });
    const { findings } = await run(env, { files: { "/secret": utf16(`${SECRET}\r\n`) } });
    expect(findings).toMatchObject({ failed: { signature: ["SECRET_IS_UTF16"] } });
  });
});

test("doctor describes the suspicious characters of a secret that is wrong in any reading", async () => {
  await withSandbox({ release: "2.0.8", secret: "another-secret" }, async (url) => {
    const result = await run(envOf(url, "2.0.8", { DAXPAY_SIGN_SECRET: `${SECRET}\u200b\n` }));
    expect(result.findings).toEqual({
      failed: { signature: ["WRONG_SECRET"] },
      warnings: {},
      skipped: AFTER_REJECTION,
    });
    expect(result.text).toContain(
      "the configured secret ends in a line break, and contains 1 invisible character (U+200B zero width space)",
    );
  });
});

test.each(["Kx7-plover-Quince", "0123456789abcdef0123456789abcdef", "密钥-1", "a b", "MTIzNDU2!", "=AAAA"])(
  "secretsOf() returns only the secret itself when it is %j",
  (secret) => {
    expect(secretsOf({ secret })).toEqual([{ text: secret, flaws: [] }]);
  },
);

test("secretsOf() undoes one mistake after the other", () => {
  const readings = secretsOf({ secret: `"${base64(SECRET)}"\r\n`, previousSecret: "older" });
  expect(readings.map(({ text, flaws }) => ({ text, causes: flaws.map(({ cause }) => cause) }))).toEqual([
    { text: `"${base64(SECRET)}"\r\n`, causes: [] },
    { text: `"${base64(SECRET)}"`, causes: ["SECRET_ENDS_IN_LINE_BREAK"] },
    { text: base64(SECRET), causes: ["SECRET_ENDS_IN_LINE_BREAK", "SECRET_IN_QUOTES"] },
    { text: SECRET, causes: ["SECRET_ENDS_IN_LINE_BREAK", "SECRET_IN_QUOTES", "SECRET_IS_BASE64"] },
    { text: "older", causes: ["SECRET_IS_PREVIOUS"] },
  ]);
});
