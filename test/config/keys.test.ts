import { generateKeyPairSync } from "node:crypto";
import { describe, expect, test } from "vitest";
import { readConfig } from "../../src/config/read.ts";
import { privateKeyOf, publicKeyOf, V4 } from "../daxpay/v4.ts";

type Variables = Readonly<Record<string, string>>;

const { merchant, platform } = V4.keys;
const V4_VARIABLES = {
  DAXPAY_URL: "http://127.0.0.1:9",
  DAXPAY_RELEASE: "4.0.0-beta",
  DAXPAY_MCH_NO: "M200000001",
  DAXPAY_PRIVATE_KEY: merchant.privatePkcs8,
  DAXPAY_PLATFORM_KEYS: platform.publicSpki,
};

function read(variables: Variables, files: Variables = {}) {
  const all: Variables = { ...V4_VARIABLES, ...variables };
  return readConfig({ env: (name) => all[name], readFile: (file) => files[file], isTerminal: false });
}

function problemsOf(variables: Variables, files?: Variables): readonly string[] {
  const result = read(variables, files);
  return result.kind === "invalid" ? result.problems : [];
}

describe("readConfig() with 4.0.0-beta", () => {
  test("returns the keys and needs neither a secret nor an application", () => {
    const result = read({});
    const { daxpay } = result.kind === "valid" && result.config.accounts.get("default") || expect.unreachable();
    expect(daxpay).toMatchObject({ release: "4.0.0-beta", secret: "" });
    expect(daxpay.privateKey?.equals(privateKeyOf(merchant.privatePkcs8))).toBe(true);
    expect(daxpay.platformKeys?.map((key) => key.equals(publicKeyOf(platform.publicSpki)))).toEqual([true]);
  });

  test("reads the keys from files", () => {
    const files = { "/private": merchant.privatePkcs1, "/platform": platform.publicSpki };
    const variables = {
      DAXPAY_PRIVATE_KEY: "",
      DAXPAY_PRIVATE_KEY_FILE: "/private",
      DAXPAY_PLATFORM_KEYS: "",
      DAXPAY_PLATFORM_KEYS_FILE: "/platform",
    };
    expect(read(variables, files)).toMatchObject({ kind: "valid" });
  });

  test.each(["DAXPAY_PRIVATE_KEY", "DAXPAY_PLATFORM_KEYS", "DAXPAY_MCH_NO"])("requires %s", (name) => {
    expect(problemsOf({ [name]: "" })).toEqual([
      expect.stringMatching(new RegExp(`^${name}: expected .+ for release 4\\.0\\.0-beta, got nothing$`)),
    ]);
  });

  const short = generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey;
  const unusable = [
    ["DAXPAY_PRIVATE_KEY", platform.publicSpki, "a public key"],
    ["DAXPAY_PRIVATE_KEY", merchant.privatePkcs8.slice(0, 800), "a key that is cut off"],
    ["DAXPAY_PRIVATE_KEY", short.export({ format: "pem", type: "pkcs8" }).toString(), "a key of 1024 bits"],
    ["DAXPAY_PRIVATE_KEY", "Kx7-plover-Quince", "no RSA key"],
    ["DAXPAY_PLATFORM_KEYS", merchant.privatePkcs8, "a private key"],
    ["DAXPAY_PLATFORM_KEYS", "退款", "characters that are not Base64"],
    ["DAXPAY_PLATFORM_KEYS", merchant.publicSpki, "the one of DAXPAY_PRIVATE_KEY"],
  ] as const;
  test.each(unusable)("rejects %s=%#, and says what was found without showing it", (name, value, got) => {
    const problems = problemsOf({ [name]: value });
    expect(problems).toEqual([expect.stringMatching(new RegExp(`^${name}: expected .+, got ${got}`))]);
    expect(problems[0]).not.toContain(value.slice(0, 12));
    expect(problems[0]).not.toContain(value.trim().slice(-12));
  });

  test("names the file's variable where a file's key cannot be used", () => {
    const variables = { DAXPAY_PRIVATE_KEY: "", DAXPAY_PRIVATE_KEY_FILE: "/private" };
    expect(problemsOf(variables, { "/private": "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----" })).toEqual([
      expect.stringMatching(/^DAXPAY_PRIVATE_KEY: expected .+, got no key in it$/),
    ]);
  });
});

describe("readConfig() with other releases", () => {
  test("requires a secret, whatever keys there are", () => {
    expect(problemsOf({ DAXPAY_RELEASE: "2.0.8" })).toEqual([
      "DAXPAY_SIGN_SECRET: expected the signing secret for release 2.0.8, got nothing",
    ]);
    expect(read({ DAXPAY_RELEASE: "2.0.8", DAXPAY_SIGN_SECRET: "a secret" })).toMatchObject({ kind: "valid" });
  });

  test("asks for no secret where a private key shows that the missing release is 4.0.0-beta", () => {
    expect(problemsOf({ DAXPAY_RELEASE: "" })).toEqual([expect.stringMatching(/^DAXPAY_RELEASE: /)]);
  });
});
