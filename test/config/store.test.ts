import { describe, expect, test } from "vitest";
import { type Config, readConfig } from "../../src/config/read.ts";
import { readDatabase, secretsOfStore } from "../../src/config/store.ts";
import { createAuthority } from "../support/authority.ts";

type Variables = Readonly<Record<string, string>>;

const KEY = "gfzUAXtbXuCu8wO9Z7ns6V0bb3oCc3kq";
const DAXPAY = { DAXPAY_URL: "http://127.0.0.1:9", DAXPAY_RELEASE: "2.0.8", DAXPAY_SIGN_SECRET: "a secret" };
const BETA4 = { DAXPAY_RELEASE: "3.0.0-beta4", DAXPAY_APP_ID: "a" };
const REMOTE = { DATABASE_URL: "postgres://u:pa55%40word@db.example/d", STORE_JOURNAL_KEY: KEY };
const SOCKET = "postgres://u@/d?host=/run/postgresql";

function sourceOf(variables: Variables, files: Variables = {}) {
  return {
    env: (name: string): string | undefined => variables[name],
    names: () => Object.keys(variables).filter((name) => variables[name] !== ""),
    readFile(file: string) {
      if (file in files) return files[file];
      throw new Error("No such file");
    },
    isTerminal: false,
  };
}

const read = (variables: Variables, files?: Variables) => readConfig(sourceOf({ ...DAXPAY, ...variables }, files));

function configOf(variables: Variables, files?: Variables): Config {
  const result = read(variables, files);
  if (result.kind === "invalid") throw new Error(result.problems.join("; "));
  return result.config;
}

function problemsOf(variables: Variables, files?: Variables): readonly string[] {
  const result = read(variables, files);
  return result.kind === "invalid" ? result.problems : [];
}

describe("readConfig()", () => {
  test("has no store without DATABASE_URL", () => {
    expect(configOf({})).toMatchObject({ store: undefined, trackTimeoutMs: 14 * 86_400_000 });
  });

  test("returns the store's defaults", () => {
    expect(configOf(REMOTE).store).toEqual({
      url: REMOTE.DATABASE_URL,
      tls: true,
      ca: undefined,
      maxConnections: 10,
      connectTimeoutMs: 3_000,
      statementTimeoutMs: 5_000,
      journalKey: KEY,
      away: "query",
      retentionMs: undefined,
    });
  });

  test("reads the URL and the journal's key from files", () => {
    const variables = { DATABASE_URL_FILE: "/url", STORE_JOURNAL_KEY_FILE: "/key" };
    const files = { "/url": `${REMOTE.DATABASE_URL}\n`, "/key": `${KEY}\n` };
    expect(configOf(variables, files).store).toMatchObject({ url: REMOTE.DATABASE_URL, journalKey: KEY });
  });

  test.each<[string, Variables, boolean]>([
    ["db.example", {}, true],
    ["db.example", { DATABASE_TLS: "require" }, true],
    ["db.example", { DATABASE_TLS: "off" }, false],
    ["127.0.0.1", {}, false],
    ["localhost", { DATABASE_TLS: "require" }, true],
    ["%2Frun%2Fpostgresql", {}, false],
    ["%2Frun%2Fpostgresql", { DATABASE_TLS: "off" }, false],
  ])("connects to %s with %o encrypted: %s", (host, variables, tls) => {
    expect(configOf({ ...REMOTE, DATABASE_URL: `postgres://u@${host}/d`, ...variables }).store?.tls).toBe(tls);
  });

  test("encrypts on loopback where the URL or DATABASE_CA_FILE asks for it", async () => {
    const { ca } = await createAuthority();
    const local = { ...REMOTE, DATABASE_URL: "postgres://u@127.0.0.1/d" };
    expect(configOf({ ...local, DATABASE_URL: `${local.DATABASE_URL}?sslmode=require` }).store?.tls).toBe(true);
    expect(configOf({ ...local, DATABASE_CA_FILE: "/ca" }, { "/ca": `# ours\n${ca}` }).store)
      .toMatchObject({ tls: true, ca: `${ca.trim()}\n` });
  });

  test.each<[Variables, string, RegExp]>([
    [
      { DATABASE_URL: "postgres://u:pa55@db.example/d?sslmode=prefer" },
      "DATABASE_URL",
      /got a URL with sslmode=prefer, .*DATABASE_TLS=off/,
    ],
    [{ DATABASE_URL: "postgres://u:pa55@db.example" }, "DATABASE_URL", /got a URL without the name of a database$/],
    [{ DATABASE_URL: "pa55" }, "DATABASE_URL", /got no postgres: or postgresql: URL$/],
    [{ DATABASE_URL: "postgres://u:pa55\n@db.example/d" }, "DATABASE_URL", /line feed/],
    [
      { DATABASE_URL: `${REMOTE.DATABASE_URL}?sslmode=require`, DATABASE_TLS: "off" },
      "DATABASE_TLS",
      /sslmode, got off$/,
    ],
    [{ DATABASE_TLS: "off", DATABASE_CA_FILE: "/ca" }, "DATABASE_CA_FILE", /together with DATABASE_TLS=off/],
    [{ DATABASE_TLS: "prefer" }, "DATABASE_TLS", /expected require or off, got "prefer"$/],
    [{ DATABASE_URL: SOCKET, DATABASE_TLS: "require" }, "DATABASE_TLS", /Unix socket/],
    [{ DATABASE_URL: `${SOCKET}&sslmode=require` }, "DATABASE_URL", /Unix socket/],
    [{ DATABASE_CA_FILE: "/nowhere" }, "DATABASE_CA_FILE", /cannot read "\/nowhere": No such file$/],
    [{ DATABASE_CA_FILE: "/key" }, "DATABASE_CA_FILE", /expected certificates in PEM in "\/key", got none$/],
    [{ DATABASE_CA_FILE: "/bad" }, "DATABASE_CA_FILE", /got a damaged one$/],
    [{ DATABASE_MAX_CONNECTIONS: "0" }, "DATABASE_MAX_CONNECTIONS", /from 1 to 1000/],
    [{ STORE_JOURNAL_KEY: "" }, "STORE_JOURNAL_KEY", /because DATABASE_URL has one, got nothing$/],
    [
      { STORE_JOURNAL_KEY: "pa55".repeat(7) },
      "STORE_JOURNAL_KEY",
      /at least 32 random characters.*, got 28 characters$/,
    ],
    [{ STORE_JOURNAL_KEY: "pa55".repeat(20) }, "STORE_JOURNAL_KEY", /random.*, got 80 characters$/],
    [{ STORE_AWAY: "sync" }, "STORE_AWAY", /expected query or continue/],
    [{ STORE_RETENTION: "1h" }, "STORE_RETENTION", /from 1d to 3650d/],
    [{ TRACK_TIMEOUT: "366d" }, "TRACK_TIMEOUT", /from 1m to 365d/],
    [{ DAXPAY_SETTLE_TIMEOUT: "1d" }, "DAXPAY_SETTLE_TIMEOUT", /ms, s, m, h/],
  ])("rejects %o with one problem of %s, without any secret", (variables, name, problem) => {
    const files = {
      "/ca": "",
      "/key": "-----BEGIN PRIVATE KEY-----",
      "/bad": "-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----",
    };
    const problems = problemsOf({ ...REMOTE, ...variables }, files).filter((text) => !text.includes('in "/ca"'));
    expect(problems).toEqual([expect.stringMatching(problem)]);
    expect(problems[0].startsWith(`${name}: `)).toBe(true);
    expect(problems[0]).not.toContain("pa55");
  });

  test("reads STORE_RETENTION and TRACK_TIMEOUT in days", () => {
    expect(configOf({ ...REMOTE, STORE_RETENTION: "400d", TRACK_TIMEOUT: "36h" })).toMatchObject({
      store: { retentionMs: 400 * 86_400_000 },
      trackTimeoutMs: 36 * 3_600_000,
    });
  });

  test("rejects STORE_AWAY=continue with 3.0.0-beta4, also of an account in the file", () => {
    const away = { ...REMOTE, STORE_AWAY: "continue" };
    expect(configOf(away).store?.away).toBe("continue");
    expect(problemsOf({ ...away, ...BETA4 })).toEqual([
      expect.stringMatching(
        /^STORE_AWAY: expected query because account default has release 3.0.0-beta4, got continue/,
      ),
    ]);
    const files = {
      "/accounts": "shop: {url: 'http://h', release: 3.0.0-beta4, app_id: a, secret_file: /secret}",
      "/secret": "s",
    };
    expect(problemsOf({ ...away, DAXPAY_ACCOUNTS_FILE: "/accounts" }, files)).toEqual([
      expect.stringMatching(/^STORE_AWAY: .* account shop /),
    ]);
    expect(problemsOf({ ...BETA4, STORE_AWAY: "continue" })).toEqual([]);
  });

  test("warns of variables that have no effect without DATABASE_URL", () => {
    expect(read({ STORE_AWAY: "query", DATABASE_TLS: "off", TRACK_TIMEOUT: "1d" })).toMatchObject({
      kind: "valid",
      warnings: ["STORE_AWAY", "DATABASE_TLS", "TRACK_TIMEOUT"].map((name) =>
        `${name}: expected DATABASE_URL as well, without which it has no effect, got nothing`
      ),
    });
    expect(read({ ...REMOTE, DATABASE_TLS: "off" })).toMatchObject({ warnings: [] });
  });
});

describe("readDatabase()", () => {
  test("needs DATABASE_URL alone", () => {
    expect(readDatabase(sourceOf({ DATABASE_URL: REMOTE.DATABASE_URL }))).toMatchObject({
      kind: "valid",
      database: { url: REMOTE.DATABASE_URL, tls: true },
    });
    expect(readDatabase(sourceOf({}))).toEqual({
      kind: "invalid",
      problems: ["DATABASE_URL: expected the URL of a PostgreSQL database, got nothing"],
    });
  });

  test("reports problems as readConfig() does", () => {
    const variables = { DATABASE_URL: SOCKET, DATABASE_TLS: "require", DATABASE_TIMEOUT_MS: "0" };
    expect(readDatabase(sourceOf(variables))).toMatchObject({
      problems: [expect.stringMatching(/^DATABASE_TIMEOUT_MS: /), expect.stringMatching(/^DATABASE_TLS: /)],
    });
  });
});

test("secretsOfStore() has the password as it is and as it is encoded, the URL and the journal's key", () => {
  expect(secretsOfStore(configOf(REMOTE).store)).toEqual([REMOTE.DATABASE_URL, "pa55@word", "pa55%40word", KEY]);
  expect(secretsOfStore(undefined)).toEqual([]);
});
