import { describe, expect, test } from "vitest";
import type { AccountConfig } from "../../src/config/accounts.ts";
import { type Config, readConfig } from "../../src/config/read.ts";
import { RELEASE_NAMES } from "../../src/daxpay/release.ts";
import manifest from "../../deno.json" with { type: "json" };

type Variables = Readonly<Record<string, string>>;

const REQUIRED = { DAXPAY_URL: "http://127.0.0.1:9", DAXPAY_RELEASE: "2.0.8", DAXPAY_SIGN_SECRET: "a secret" };

/** Reads the required variables and the given ones. */
function read(variables: Variables, files: Variables = {}) {
  const all: Variables = { ...REQUIRED, ...variables };
  return readConfig({
    env: (name) => all[name],
    names: () => Object.keys(all),
    readFile(file) {
      if (file in files) return files[file];
      throw new Error("No such file");
    },
    isTerminal: false,
  });
}

/** The configuration with that of its account "default". */
function configOf(variables: Variables, files?: Variables): Config & AccountConfig {
  const result = read(variables, files);
  if (result.kind === "invalid") throw new Error(result.problems.join("; "));
  const account = result.config.accounts.get("default");
  if (!account) throw new Error("no default account");
  return { ...result.config, ...account };
}

function problemsOf(variables: Variables, files?: Variables): readonly string[] {
  const result = read(variables, files);
  return result.kind === "invalid" ? result.problems : [];
}

/** The variables that the problems name. */
const namesOf = (problems: readonly string[]) => problems.map((problem) => problem.split(":")[0]);

test.each(["start", "doctor", "dev"] as const)(
  "the permission set %s in deno.json lists all variables, without which no misspelt one could be found",
  (set) => {
    expect(manifest.permissions[set].env).toBe(true);
  },
);

describe("readConfig()", () => {
  test("returns the defaults when only the required variables are set", () => {
    expect(configOf({})).toMatchObject({
      check: "warn",
      sync: { queryMode: "auto", settleTimeoutMs: 60_000, settleOnStart: true },
      daxpay: { timeZone: "Asia/Shanghai", signType: "HMAC_SHA256" },
      host: "127.0.0.1",
      port: 8080,
      grpcPort: 9090,
      tls: undefined,
      auth: { tokensFile: undefined, jwt: undefined, openReflection: false },
      corsOrigins: [],
      stopTimeoutMs: 10_000,
    });
  });

  test("reports every problem at once, without any secret", () => {
    const problems = problemsOf({
      DAXPAY_URL: "ftp://x",
      DAXPAY_RELEASE: "",
      PORT: "70000",
      DAXPAY_RATE: "0",
      DAXPAY_SIGN_TYPE: "SHA1",
      DAXPAY_SIGN_SECRET_FILE: "/nowhere",
      CORS_ORIGINS: "*",
      WATCH_SCHEDULE: "10",
      DAXPAY_SETTLE_TIMEOUT: "60",
    });
    expect(namesOf(problems).sort()).toEqual([
      "CORS_ORIGINS",
      "DAXPAY_RATE",
      "DAXPAY_RELEASE",
      "DAXPAY_SETTLE_TIMEOUT",
      "DAXPAY_SIGN_SECRET",
      "DAXPAY_SIGN_TYPE",
      "DAXPAY_URL",
      "PORT",
      "WATCH_SCHEDULE",
    ]);
    for (const problem of problems) expect(problem).toMatch(/^[A-Z_]+: expected .+, got .+$/s);
    expect(problems.join()).not.toContain(REQUIRED.DAXPAY_SIGN_SECRET);
  });

  test("names the releases and the doctor when DAXPAY_RELEASE is missing", () => {
    expect(problemsOf({ DAXPAY_RELEASE: "" })).toEqual([
      `DAXPAY_RELEASE: expected one of ${RELEASE_NAMES.join(", ")} (deno task doctor finds out which), got nothing`,
    ]);
  });

  test.each([
    ["DAXPAY_URL", { DAXPAY_URL: "https://user:pa55:w/rd@x@pay.example.com/base" }],
    ["DAXPAY_URL", { DAXPAY_URL: "https://pa55@pay.example.com" }],
    ["DAXPAY_URL", { DAXPAY_URL: "https://pay.example.com/base?token=pa55" }],
    ["AUTH_JWKS_URL", { AUTH_JWKS_URL: "https://user:pa55@i.example", AUTH_ISSUER: "i", AUTH_AUDIENCE: "a" }],
    ["DAXPAY_SIGN_SECRET_FILE", { DAXPAY_SIGN_SECRET: "", DAXPAY_SIGN_SECRET_FILE: "pa55" }],
  ])("does not display a credential that was put into %s: %o", (name, variables) => {
    const problems = problemsOf(variables as Variables);
    expect(namesOf(problems)).toEqual([name]);
    expect(problems.join()).not.toContain("pa55");
  });

  test.each<[string, Variables, readonly string[]]>([
    ["0.0.0.0", {}, ["HOST"]],
    ["::", {}, ["HOST"]],
    ["10.1.2.3", {}, ["HOST"]],
    ["refunds.internal", {}, ["HOST"]],
    ["127.0.0.2", {}, []],
    ["::1", {}, []],
    ["localhost", {}, []],
    ["0.0.0.0", { AUTH: "none" }, []],
    ["0.0.0.0", { AUTH_TOKENS_FILE: "/tokens" }, []],
    ["0.0.0.0", { AUTH_JWKS_URL: "https://i.example/jwks", AUTH_ISSUER: "i", AUTH_AUDIENCE: "a" }, []],
    ["0.0.0.0", { TLS_CERT_FILE: "/c", TLS_KEY_FILE: "/k", TLS_CLIENT_CA_FILE: "/ca" }, []],
    ["0.0.0.0", { TLS_CERT_FILE: "/c", TLS_KEY_FILE: "/k" }, ["HOST"]],
  ])("requires credentials for callers off loopback: HOST=%s with %o", (HOST, variables, names) => {
    expect(namesOf(problemsOf({ HOST, ...variables }))).toEqual(names);
  });

  test.each([["localhost", "127.0.0.1"], ["[::1]", "::1"], ["127.0.0.2", "127.0.0.2"]])(
    "reads HOST=%s as %s",
    (HOST, host) => {
      expect(configOf({ HOST }).host).toBe(host);
    },
  );

  test.each(["refunds.internal", "[127.0.0.1", "::1::", "0.0.0.0:8080"])(
    "rejects HOST=%s, which is no address",
    (HOST) => {
      expect(problemsOf({ HOST, AUTH: "none" })).toEqual([
        `HOST: expected an IP address or localhost, got "${HOST}"`,
      ]);
    },
  );

  test.each<[Variables, string]>([
    [{ TLS_CERT_FILE: "/c" }, "TLS_KEY_FILE"],
    [{ TLS_KEY_FILE: "/k" }, "TLS_CERT_FILE"],
    [{ TLS_CLIENT_CA_FILE: "/ca" }, "TLS_CERT_FILE"],
    [{ AUTH_JWKS_URL: "https://i.example", AUTH_ISSUER: "i" }, "AUTH_AUDIENCE"],
    [{ AUTH_SCOPE: "s" }, "AUTH_JWKS_URL"],
    [{ AUTH_JWKS_URL: "http://i.example", AUTH_ISSUER: "i", AUTH_AUDIENCE: "a" }, "AUTH_JWKS_URL"],
    [{ AUTH: "none", AUTH_TOKENS_FILE: "/t" }, "AUTH"],
    [{ AUTH: "off" }, "AUTH"],
    [{ GRPC_PORT: "8080" }, "GRPC_PORT"],
    [{ DAXPAY_RELEASE: "3.0.0", DAXPAY_APP_ID: "a" }, "DAXPAY_MCH_NO"],
    [{ DAXPAY_APP_ID: "a\n" }, "DAXPAY_APP_ID"],
    [{ DAXPAY_SIGN_TYPE: "SM3" }, "DAXPAY_SIGN_TYPE"],
    [{ DAXPAY_QUERY: "never" }, "DAXPAY_QUERY"],
    [{ DAXPAY_CHECK: "on" }, "DAXPAY_CHECK"],
  ])("rejects %o with one problem of %s", (variables, name) => {
    expect(namesOf(problemsOf(variables)).filter((named) => named === name)).toHaveLength(1);
  });

  test.each(["3.0.0-beta4", "3.0.0"])("rejects DAXPAY_QUERY=off for %s, and says what would happen", (release) => {
    const identity = { DAXPAY_RELEASE: release, DAXPAY_APP_ID: "a", DAXPAY_MCH_NO: "m" };
    expect(problemsOf({ ...identity, DAXPAY_QUERY: "off" })).toEqual([
      expect.stringMatching(
        /^DAXPAY_QUERY: expected auto, around or only .* got off: .*books its amount a second time$/,
      ),
    ]);
    expect(configOf({ ...identity, DAXPAY_QUERY: "only" }).sync.queryMode).toBe("only");
    expect(configOf({ DAXPAY_QUERY: "off" }).sync.queryMode).toBe("off");
  });

  test.each(["CST", "CTT", "China Standard Time", "GMT+8", "Asia/Peking"])(
    "rejects DAXPAY_TIME_ZONE=%s, which Temporal cannot use, and proposes Asia/Shanghai",
    (DAXPAY_TIME_ZONE) => {
      expect(problemsOf({ DAXPAY_TIME_ZONE })).toEqual([expect.stringMatching(/^DAXPAY_TIME_ZONE: .*Asia\/Shanghai/)]);
    },
  );

  test.each(["Asia/Shanghai", "PRC", "UTC", "+08:00"])("accepts DAXPAY_TIME_ZONE=%s", (DAXPAY_TIME_ZONE) => {
    expect(configOf({ DAXPAY_TIME_ZONE }).daxpay.timeZone).toBe(DAXPAY_TIME_ZONE);
  });

  test.each([["500ms", 500], ["90s", 90_000], [" 2m ", 120_000], ["24h", 86_400_000]])(
    "reads DAXPAY_SETTLE_TIMEOUT=%s as %i ms",
    (DAXPAY_SETTLE_TIMEOUT, ms) => {
      expect(configOf({ DAXPAY_SETTLE_TIMEOUT, DAXPAY_TIMEOUT_MS: "500" }).sync.settleTimeoutMs).toBe(ms);
    },
  );

  test("rejects a DAXPAY_SETTLE_TIMEOUT below DAXPAY_TIMEOUT_MS", () => {
    expect(problemsOf({ DAXPAY_SETTLE_TIMEOUT: "10s" })).toEqual([
      expect.stringMatching(/^DAXPAY_SETTLE_TIMEOUT: expected at least DAXPAY_TIMEOUT_MS \(30000 ms\), got 10000 ms/),
    ]);
  });

  test("reads WATCH_SCHEDULE as milliseconds", () => {
    expect(configOf({ WATCH_SCHEDULE: "500ms, 10s,1m,24h" }).watch.waits).toEqual([500, 10_000, 60_000, 86_400_000]);
  });

  test.each(["", "10", "0s", "25h", "1d", "1s,,2s", "-1s"])("rejects WATCH_SCHEDULE=%j", (text) => {
    expect(problemsOf({ WATCH_SCHEDULE: text || "," })).toHaveLength(1);
  });

  test("reads CORS_ORIGINS as a list", () => {
    expect(configOf({ CORS_ORIGINS: "https://shop.example, http://localhost:5173" }).corsOrigins)
      .toEqual(["https://shop.example", "http://localhost:5173"]);
  });

  test.each([
    "https://shop.example/",
    "https://Shop.example",
    "https://shop.example:443",
    "https://*.example",
    "null",
    "shop.example",
  ])("rejects CORS_ORIGINS=%s, which no browser sends", (CORS_ORIGINS) => {
    expect(namesOf(problemsOf({ CORS_ORIGINS }))).toEqual(["CORS_ORIGINS"]);
  });

  test("rejects misspelt names, and warns of names that may be another program's", () => {
    expect(namesOf(problemsOf({ DAXPAY_QUREY: "only", MAX_THREADS: "8" }))).toEqual(["DAXPAY_QUREY"]);
    expect(read({ MAX_THREADS: "8" })).toMatchObject({ warnings: [expect.stringMatching(/^MAX_THREADS: /)] });
  });

  test.each([
    ["DAXPAY_APP_ID", "M820763\n", '"M820763\\n" with 1 control or invisible character (U+000A line feed)'],
    [
      "DAXPAY_APP_ID",
      "M820\u200b763",
      '"M820\\u{200b}763" with 1 control or invisible character (U+200B zero width space)',
    ],
    [
      "DAXPAY_URL",
      "http://127.0.0.1:9\n",
      '"http://127.0.0.1:9\\n" with 1 control or invisible character (U+000A line feed)',
    ],
    ["DAXPAY_SIGN_SECRET", "pa55\n", "5 characters with 1 control or invisible character (U+000A line feed)"],
    ["DAXPAY_SIGN_SECRET", "\ufeffpa55", "5 characters with 1 control or invisible character (U+FEFF byte order mark)"],
    [
      "DAXPAY_SIGN_SECRET",
      "\ufffdp\0",
      "3 characters with 2 control or invisible characters (U+FFFD replacement for bytes that are not UTF-8, U+0000 NUL)",
    ],
    [
      "AUTH_ISSUER",
      "https://i.example\u202e",
      '"https://i.example\\u{202e}" with 1 control or invisible character (U+202E)',
    ],
  ])("rejects %s=%j, and names the characters that nobody types", (name, value, got) => {
    const problems = problemsOf({ [name]: value }).filter((problem) => problem.startsWith(`${name}: `));
    expect(problems).toEqual([expect.stringMatching(/^[A-Z_]+: expected .+, got /)]);
    expect(problems[0]).toContain(`, got ${got}`);
    expect(problems[0]).not.toContain("pa55");
  });

  test.each([" M820763", "M820 763", "Ｍ820763", '"M820763"', "'M820763'"])(
    "rejects DAXPAY_APP_ID=%j, which DaxPay never issues",
    (DAXPAY_APP_ID) => {
      const variables = { DAXPAY_RELEASE: "3.0.0", DAXPAY_MCH_NO: "M1745845174843", DAXPAY_APP_ID };
      expect(namesOf(problemsOf(variables))).toEqual(["DAXPAY_APP_ID"]);
    },
  );

  test("accepts a secret with any characters for the doctor, which finds out whether they belong to it", () => {
    const all: Variables = { ...REQUIRED, DAXPAY_SIGN_SECRET: "pa55\n" };
    const source = { env: (name: string) => all[name], readFile: () => "", isTerminal: false };
    expect(readConfig(source, { acceptUntypedSecrets: true })).toMatchObject({ kind: "valid" });
    expect(readConfig(source)).toMatchObject({ kind: "invalid" });
  });

  test("reads a secret from a file without its last line breaks, but not from both places", () => {
    const files = { "/secret": "from a file\r\n\n", "/empty": "\n" };
    const fromFile = (file: string) => ({ DAXPAY_SIGN_SECRET: "", DAXPAY_SIGN_SECRET_FILE: file });
    expect(configOf(fromFile("/secret"), files).daxpay.secret).toBe("from a file");
    expect(problemsOf({ DAXPAY_SIGN_SECRET_FILE: "/secret" }, files)).toHaveLength(1);
    expect(problemsOf(fromFile("/empty"), files)).toHaveLength(1);
  });
});
