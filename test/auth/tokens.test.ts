import { describe, expect, test } from "vitest";
import { parseTokens } from "../../src/auth/tokens.ts";

const TOKEN = "t0ken-of-the-billing-service";
const OTHER = "t0ken-of-the-scraper";

describe("parseTokens()", () => {
  test("reads names, tokens and their limit, with comments and any white space", () => {
    const tokens = parseTokens(`# who may call\r\nbilling ${TOKEN}\r\n\n  prometheus\t${OTHER}  metrics\n`);
    expect(tokens.find(TOKEN)).toMatchObject({ name: "billing", metricsOnly: false });
    expect(tokens.find(OTHER)).toMatchObject({ name: "prometheus", metricsOnly: true });
    expect(tokens.find(`${TOKEN}x`)).toBeUndefined();
  });

  test("reads the accounts that a token is limited to", () => {
    const tokens = parseTokens(`billing ${TOKEN} accounts=shop,outlet\nall ${OTHER}`);
    expect(tokens.find(TOKEN)).toMatchObject({ accounts: new Set(["shop", "outlet"]) });
    expect(tokens.find(OTHER)?.accounts).toBeUndefined();
    const entry = tokens.find(TOKEN);
    expect(entry && parseTokens(`billing ${TOKEN} accounts=shop,outlet`).has(entry)).toBe(true);
    expect(entry && parseTokens(`billing ${TOKEN} accounts=shop`).has(entry)).toBe(false);
  });

  test("has() tells whether a token is still listed with the same name and limit", () => {
    const entry = parseTokens(`billing ${TOKEN}`).find(TOKEN);
    if (!entry) throw new Error("expected an entry, got none");
    expect(parseTokens(`x ${OTHER}\nbilling ${TOKEN}`).has(entry)).toBe(true);
    for (
      const text of [`billing ${OTHER}`, `shop ${TOKEN}`, `billing ${TOKEN} metrics`, `billing ${TOKEN} accounts=shop`]
    ) {
      expect(parseTokens(text).has(entry)).toBe(false);
    }
  });

  test.each([
    ["", "expected at least one `name token` line, got none"],
    ["# none\n", "expected at least one `name token` line, got none"],
    [`\n${TOKEN}`, "line 2: expected a name, a token and optionally metrics or accounts=…, got 1 word"],
    [`a b ${TOKEN} metrics`, "line 1: expected a name, a token and optionally metrics or accounts=…, got 4 words"],
    [`billing ${TOKEN} ${OTHER}`, "line 1: expected metrics, accounts=… or nothing behind the token, got another word"],
    [
      `billing ${TOKEN} accounts=shop,`,
      "line 1: expected names of accounts separated by commas behind accounts=, got another text",
    ],
    ["billing short", "line 1: expected a token of at least 16 characters, got 5"],
    [
      "billing 密钥密钥密钥密钥密钥密钥密钥密钥",
      "line 1: expected a token of letters, digits and -._~+/, got other characters",
    ],
    [`a ${TOKEN}\nb ${TOKEN}`, "line 2: expected another token, got that of line 1"],
  ])("rejects %j without quoting a word of it", (text, message) => {
    expect(() => parseTokens(text)).toThrow(new RangeError(message));
  });
});
