import { describe, expect, test } from "vitest";
import { secretsOf } from "../../src/config/accounts.ts";
import { readConfig } from "../../src/config/read.ts";

type Texts = Readonly<Record<string, string>>;

const SECRET = `whsec_${btoa("a secret of 24 bytes ...")}`;
const PREVIOUS = `whsec_${btoa("the one before, 26 bytes..")}`;

function read(variables: Texts, files: Texts = {}) {
  const all: Texts = {
    ...(variables.DAXPAY_ACCOUNTS_FILE
      ? {}
      : { DAXPAY_URL: "http://a.example", DAXPAY_RELEASE: "2.0.8", DAXPAY_SIGN_SECRET: "s" }),
    ...variables,
  };
  return readConfig({ env: (name) => all[name], readFile: (path) => files[path], isTerminal: false });
}

function problemsOf(variables: Texts, files?: Texts): readonly string[] {
  const result = read(variables, files);
  return result.kind === "invalid" ? result.problems : [];
}

function configOf(variables: Texts, files?: Texts) {
  const result = read(variables, files);
  if (result.kind === "invalid") throw new Error(result.problems.join("; "));
  return result.config;
}

describe("readConfig() of webhooks", () => {
  test("reads the variables' endpoint, none without a URL", () => {
    const { accounts, webhooks } = configOf({
      WEBHOOK_URL: "https://hooks.example/refunds?shop=7",
      WEBHOOK_SECRET: SECRET,
      WEBHOOK_SECRET_PREVIOUS: PREVIOUS,
      WEBHOOK_TIMEOUT_MS: "3000",
    });
    expect(accounts.get("default")?.webhook).toEqual({
      url: new URL("https://hooks.example/refunds?shop=7"),
      secret: SECRET,
      previousSecret: PREVIOUS,
    });
    expect(webhooks).toEqual({ allowPrivate: [], timeoutMs: 3_000 });
    expect(secretsOf(accounts)).toEqual(["s", SECRET, PREVIOUS]);
    const none = configOf({});
    expect(none.accounts.get("default")?.webhook).toBeUndefined();
    expect(none.webhooks.timeoutMs).toBe(10_000);
  });

  test("reads an account's endpoint from the accounts file", () => {
    const yaml = "shop:\n  url: http://a.example\n  release: 2.0.8\n  secret_file: /s\n" +
      "  webhook_url: https://hooks.example/\n  webhook_secret_file: /w\n  webhook_previous_secret_file: /p\n";
    const files = { "/accounts.yaml": yaml, "/s": "s", "/w": `${SECRET}\n`, "/p": PREVIOUS };
    const { accounts } = configOf({ DAXPAY_ACCOUNTS_FILE: "/accounts.yaml" }, files);
    expect(accounts.get("shop")?.webhook).toEqual({
      url: new URL("https://hooks.example/"),
      secret: SECRET,
      previousSecret: PREVIOUS,
    });
    const http = { ...files, "/accounts.yaml": yaml.replace("https://hooks", "http://hooks") };
    expect(problemsOf({ DAXPAY_ACCOUNTS_FILE: "/accounts.yaml" }, http)).toEqual([
      "DAXPAY_ACCOUNTS_FILE: shop.webhook_url: expected an https URL, or http with a host that WEBHOOK_ALLOW_PRIVATE " +
      "lists, got http://hooks.example",
    ]);
  });

  test.each([
    ["whsec_", "6 characters"],
    [SECRET.slice("whsec_".length), "32 characters"],
    [`whsec_${btoa("x".repeat(23))}`, "38 characters"],
    [`whsec_${btoa("x".repeat(65))}`, "94 characters"],
    [`${SECRET.slice(0, -1)}-`, "38 characters"],
  ])("refuses the secret %s without showing it", (secret, got) => {
    expect(problemsOf({ WEBHOOK_URL: "https://hooks.example", WEBHOOK_SECRET: secret })).toEqual([
      `WEBHOOK_SECRET: expected "whsec_" and 24 to 64 bytes in Base64, got ${got}`,
    ]);
  });

  test.each([
    [{ WEBHOOK_URL: "https://a.example" }, "WEBHOOK_SECRET: expected a value because WEBHOOK_URL has one, got nothing"],
    [{ WEBHOOK_SECRET: SECRET }, "WEBHOOK_URL: expected a value because WEBHOOK_SECRET has one, got nothing"],
    [
      { WEBHOOK_SECRET_PREVIOUS: SECRET },
      "WEBHOOK_SECRET: expected a value because WEBHOOK_SECRET_PREVIOUS has one, got nothing",
    ],
    [
      { WEBHOOK_URL: "https://10.0.0.1/hook", WEBHOOK_SECRET: SECRET },
      "WEBHOOK_URL: expected a public address, or one that WEBHOOK_ALLOW_PRIVATE lists, got https://10.0.0.1",
    ],
    [{ WEBHOOK_ALLOW_PRIVATE: "10.0.0.0/33" }, "WEBHOOK_ALLOW_PRIVATE: expected host names, addresses or CIDR blocks"],
    [{ WEBHOOK_TIMEOUT_MS: "30001" }, "WEBHOOK_TIMEOUT_MS: expected milliseconds, a whole number from 1 to 30000"],
  ])("refuses %j", (variables, problem) => {
    expect(problemsOf(variables)).toEqual([expect.stringContaining(problem)]);
  });

  test("accepts private receivers that are allowed", () => {
    const variables = { WEBHOOK_SECRET: SECRET, WEBHOOK_ALLOW_PRIVATE: "hooks.internal, 10.0.0.0/8" };
    for (const url of ["http://hooks.internal:8080/", "http://10.1.2.3/", "https://10.1.2.3/"]) {
      expect(problemsOf({ ...variables, WEBHOOK_URL: url })).toEqual([]);
    }
  });
});
