import { describe, expect, test } from "vitest";
import { readAccounts } from "../../src/config/accounts.ts";
import { readConfig } from "../../src/config/read.ts";

type Texts = Readonly<Record<string, string>>;

const FILES: Texts = { "/secret": "a secret\n", "/old": "an old secret" };

function sourceOf(yaml: string, variables: Texts = {}) {
  const all: Texts = { DAXPAY_ACCOUNTS_FILE: "/accounts.yaml", ...variables };
  const files: Texts = { ...FILES, "/accounts.yaml": yaml };
  return {
    env: (name: string) => all[name],
    readFile(path: string) {
      if (path in files) return files[path];
      throw new Error("No such file");
    },
    isTerminal: false,
  };
}

const read = (yaml: string, variables?: Texts) => readAccounts(sourceOf(yaml, variables));

const SHOP = "shop:\n  url: http://a.example\n  release: 2.0.8\n  secret_file: /secret\n";

describe("readAccounts()", () => {
  test("returns every account of the file with its own settings and the variables' defaults", () => {
    const { accounts, problems, files } = read(`${SHOP}  previous_secret_file: /old
  rate: 7
  timeout: 5s
  query: only
outlet:
  url: https://b.example/pay
  release: 3.0.0
  secret_file: /old
  app_id: 00123
  mch_no: 1e5
  sign_type: SM3
  settle_on_start: off
`);
    expect(problems).toEqual([]);
    expect([...accounts.keys()]).toEqual(["shop", "outlet"]);
    expect(accounts.get("shop")).toMatchObject({
      daxpay: { secret: "a secret", previousSecret: "an old secret", timeoutMs: 5_000, signType: "HMAC_SHA256" },
      sync: { queryMode: "only", settleTimeoutMs: 60_000, settleOnStart: true },
      rateLimit: { rate: 7, concurrency: 64 },
    });
    expect(accounts.get("outlet")).toMatchObject({
      daxpay: { appId: "00123", mchNo: "1e5", signType: "SM3", timeoutMs: 30_000 },
      sync: { settleOnStart: false },
      rateLimit: { rate: 50 },
    });
    expect(files).toEqual(["/accounts.yaml", "/secret", "/old"]);
  });

  test("adds the account of the variables as default, whose settings apply to no other", () => {
    const variables = {
      DAXPAY_URL: "http://c.example",
      DAXPAY_RELEASE: "2.0.6",
      DAXPAY_SIGN_SECRET: "s",
      DAXPAY_RATE: "3",
    };
    const { accounts, problems } = read(SHOP, variables);
    expect(problems).toEqual([]);
    expect([...accounts].map(([name, { rateLimit: { rate } }]) => [name, rate])).toEqual([["default", 3], [
      "shop",
      50,
    ]]);
    expect(read(SHOP.replace("shop", "default"), variables).problems).toEqual([
      "DAXPAY_ACCOUNTS_FILE: default: expected another name than that of the account of the DAXPAY_* variables",
    ]);
  });

  test("reports every problem at once, with account and key, without any secret", () => {
    const { problems } = read(`
shop:
  url: ftp://a.example
  release: 2.0.8
  secret_file: Kx7-plover-Quince
  rate: 0
  concurency: 5
  settle_timeout: 60
outlet:
  release: 3.0.0
  secret: Kx7-plover-Quince
  query: off
  timeout: 2m
kiosk: Kx7-plover-Quince
"not valid!": {}
branch:
  url: http://a.example
  release: 2.0.8
  secret_file: [Kx7-plover-Quince]
`);
    expect(problems.map((problem) => problem.split(": expected")[0])).toEqual([
      "DAXPAY_ACCOUNTS_FILE: shop.concurency",
      "DAXPAY_ACCOUNTS_FILE: outlet.secret",
      "DAXPAY_ACCOUNTS_FILE: kiosk",
      "DAXPAY_ACCOUNTS_FILE",
      "DAXPAY_ACCOUNTS_FILE: branch.secret_file",
      "DAXPAY_ACCOUNTS_FILE: shop.url",
      "DAXPAY_ACCOUNTS_FILE: shop.secret_file",
      "DAXPAY_ACCOUNTS_FILE: shop.rate",
      "DAXPAY_ACCOUNTS_FILE: shop.settle_timeout",
      "DAXPAY_ACCOUNTS_FILE: outlet.url",
      "DAXPAY_ACCOUNTS_FILE: outlet.app_id",
      "DAXPAY_ACCOUNTS_FILE: outlet.mch_no",
      "DAXPAY_ACCOUNTS_FILE: outlet.query",
      "DAXPAY_ACCOUNTS_FILE: outlet.settle_timeout",
      "DAXPAY_ACCOUNTS_FILE: outlet.secret_file",
      "DAXPAY_ACCOUNTS_FILE: branch.secret_file",
    ]);
    expect(problems[0]).toContain("the nearest is concurrency");
    expect(problems.join()).toContain("expected at least timeout (120000 ms)");
    expect(problems.join()).not.toContain("Kx7");
  });

  test.each([
    ["", "expected a map of accounts by their names, got nothing"],
    ["- shop", "expected a map of accounts by their names, got a list"],
    ["shop: {", "line 1, column 8: expected valid YAML, got"],
    [`${SHOP}  rate: 1\n  rate: 2\n`, "line 6, column 3: expected valid YAML, got duplicate key"],
    ["shop: &a {url: *a}", "shop.url: expected a single value, got a map"],
    ["__proto__: {}", "expected an account name of"],
  ])("rejects %j", (yaml, problem) => {
    expect(read(yaml).problems.join("\n")).toContain(`DAXPAY_ACCOUNTS_FILE: ${problem}`);
  });

  test("rejects two releases at one server, whichever way its URL is written", () => {
    const other = "outlet:\n  url: HTTP://A.example:80/\n  release: 2.0.7\n  secret_file: /secret\n";
    expect(read(SHOP + other).problems).toEqual([
      "DAXPAY_ACCOUNTS_FILE: outlet.release: expected 2.0.8 as of account shop at the same URL, got 2.0.7",
    ]);
  });

  test("rejects an accounts file that cannot be read", () => {
    const { problems } = readAccounts(sourceOf("", { DAXPAY_ACCOUNTS_FILE: "/nowhere" }));
    expect(problems).toEqual(['DAXPAY_ACCOUNTS_FILE: cannot read "/nowhere": No such file']);
  });
});

test("readConfig() reports the problems of the accounts file with those of the variables", () => {
  const result = readConfig(sourceOf("shop: {}", { PORT: "70000" }));
  const problems = result.kind === "invalid" ? result.problems : [];
  expect(problems.map((problem) => problem.split(": expected")[0])).toEqual([
    "DAXPAY_ACCOUNTS_FILE: shop.url",
    "DAXPAY_ACCOUNTS_FILE: shop.release",
    "DAXPAY_ACCOUNTS_FILE: shop.secret_file",
    "PORT",
  ]);
});
