import { getLogger, reset } from "@logtape/logtape";
import fc from "fast-check";
import { afterEach, describe, expect, test, vi } from "vitest";
import { LOG_CATEGORY, startLog } from "../../src/telemetry/log.ts";
import { run } from "../support/process.ts";

const SECRET = '"s3cret\t"of"\\the-Merchant';
const JWT = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJuaWdodC1qb2IifQ.c2lnbmF0dXJl";
const SECRETS = [SECRET, SECRET.toUpperCase(), "Bearer bbbbbbbb", '"sign" : "ab\\/55555555"', "key=kkkkkkkk", JWT];
/** Parts of them that must not remain, in lower case. */
const PARTS = ["s3cret", "merchant", "bbbbbbbb", "55555555", "kkkkkkkk", "eyj", "c2lnbmf0dxjl"];
const LEVELS = ["debug", "info", "warning", "error", "fatal"] as const;
/** What replaces a secret. */
const REPLACEMENTS = /\[redacted\]|\[JWT REDACTED\]/g;

const logger = getLogger(LOG_CATEGORY);

afterEach(async () => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  await reset();
});

async function start(format: "json" | "text") {
  const lines: string[] = [];
  await startLog({ level: "debug", format }, { secrets: [SECRET], print: (line) => void lines.push(line) });
  return lines;
}

const text = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.constantFrom(
    SECRET,
    SECRET.toUpperCase(),
    `Bearer ${SECRET}`,
    '"sign":"00ff"',
    "key=x",
    JWT,
    "",
    "\x7f\x9b[2J",
    '"',
  ),
);
const name = fc.oneof(
  fc.constantFrom("refundNo", "ms", "error", "a", "token", "Sign", "design", "apiKey", "authorization", SECRET),
  fc.string(),
).filter((name) => !["nested", "*"].includes(name));
const value = fc.oneof(text, fc.integer(), fc.double(), fc.boolean(), fc.constantFrom<unknown>(null, undefined, 10n));
const template = fc.constantFrom(
  "plain",
  "{a}",
  "{refundNo} in {ms} ms: {error}",
  "{a}{missing} {{a}}",
  "{*}",
  "{ a }",
);

test("startLog() writes plain records exactly as LogTape formats them", async () => {
  const lines = await start("json");
  vi.useFakeTimers({ toFake: ["Date"] });
  fc.assert(
    fc.property(fc.constantFrom(...LEVELS), template, fc.dictionary(name, value), (level, template, properties) => {
      lines.length = 0;
      logger[level](template, properties);
      // A nested object takes the slow path.
      logger[level](template, { ...properties, nested: {} });
      const [own, library] = lines;
      expect(own).toBe(library.replaceAll(/,?(\\?)"nested\1":\{\}/g, ""));
    }),
    { numRuns: 3000 },
  );
});

test("startLog() writes values that JSON lacks", async () => {
  const lines = await start("json");
  const circle: Record<string, unknown> = {};
  circle.around = circle;
  logger.info`${10n} of ${circle}`;
  expect(lines.map((line) => JSON.parse(line).message)).toEqual(['"10" of {"around":"[Circular]"}']);
});

describe.each(["json", "text"] as const)("startLog() in %s lines", (format) => {
  test.each<[string, (secret: string) => void]>([
    ["a template", (secret) => logger.info(`so ${secret} so`)],
    ["a plain property", (secret) => logger.info("{refundNo} and {ms}", { refundNo: `so ${secret} so`, ms: 1 })],
    ["a property that no template names", (secret) => logger.info("so", { refundNo: secret })],
    ["a property's name", (secret) => logger.info("{*}", { [secret]: 1 })],
    ["a nested property", (secret) => logger.info("{about}", { about: [{ refundNo: secret }] })],
    ["a nested property's name", (secret) => logger.info("{about}", { about: { [secret]: 1 } })],
    ["an error's text", (secret) => logger.error("{error}", { error: secret })],
    ["an error", (secret) => logger.error(new Error(secret, { cause: new Error(secret) }))],
    ["lines of a text", (secret) => logger.warn("{error}", { error: `so\n${secret}\n\t${secret}` })],
    ["JSON within a text", (secret) => logger.warn("{error}", { error: JSON.stringify({ msg: secret }) })],
    ["JSON within that", (secret) => logger.warn("{error}", { error: JSON.stringify(JSON.stringify([secret])) })],
    ["beside a control character", (secret) => logger.info("{refundNo}", { refundNo: `\x9b${secret}\x7f` })],
  ])("redacts what looks like a secret in %s", async (_where, write) => {
    const lines = await start(format);
    for (const secret of SECRETS) write(secret);
    expect(lines.length).toBe(SECRETS.length);
    for (const line of lines) format === "json" ? JSON.parse(line) : expect(line).toMatch(/\n$/);
    const all = lines.join("").replaceAll(REPLACEMENTS, "").toLowerCase();
    for (const part of PARTS) expect(all).not.toContain(part);
  });

  test.each<[string, (name: string) => void]>([
    ["a property", (name) => logger.info(`{${name}} so`, { refundNo: "R", [name]: "hid den" })],
    ["a property that no template names", (name) => logger.info("so", { refundNo: "R", [name]: "hid den" })],
    ["all properties", (name) => logger.info("{*}", { [name]: "hid den" })],
    ["a nested property that no template names", (name) => logger.info("so", { about: { [name]: "hid den" } })],
    ["a nested property", (name) => logger.info("{about}", { about: { list: [{ [name]: "hid den" }] } })],
    ["an object", (name) => logger.info(`{${name}}`, { [name]: { any: "hid den" } })],
  ])("redacts what is named like a secret in %s", async (_where, write) => {
    const lines = await start(format);
    for (const name of ["sign", "Sign", "token", "accessToken", "authorization", "API_KEY", "password", "email"]) {
      write(name);
    }
    expect(lines.length).toBe(8);
    expect(lines.join("")).not.toContain("hid den");
  });
});

describe.each([
  ["standard output", {}],
  ["the console, with telemetry", {
    OTEL_DENO: "true",
    OTEL_DENO_TRACING: "false",
    OTEL_DENO_METRICS: "false",
    OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1",
  }],
])("startLog() through %s", (_way, variables) => {
  test.each([["an exit", "Deno.exit(3)", 3], ["a crash", "throw new Error('a crash')", 1]])(
    "writes all lines in order before %s",
    async (_end, end, exitCode) => {
      const script = `
        import { getLogger } from "@logtape/logtape";
        import { startLog } from "./src/telemetry/log.ts";
        await startLog({ level: "debug", format: "json" });
        const logger = getLogger("refundsync");
        const levels = ["debug", "info", "warn", "error", "fatal"];
        for (let n = 0; n < 1000; n++) logger[levels[n % 5]]("{n}", { n, padding: "p".repeat(n % 100 ? 100 : 50_000) });
        ${end};
      `;
      const { code, stdout } = await run(["eval", script], variables);
      expect(code).toBe(exitCode);
      const numbers = stdout.split("\n").slice(0, -1).map((line) => JSON.parse(line).properties.n);
      expect(numbers).toEqual(Array.from({ length: 1000 }, (_, n) => n));
    },
  );
});

test("startLog() redacts further secrets from when they are given", async () => {
  const lines: string[] = [];
  const log = await startLog({ level: "debug", format: "json" }, { print: (line) => void lines.push(line) });
  getLogger("refundsync").info("the next-secret");
  log.redact(["next-secret", "short"]);
  getLogger("refundsync").info("the next-secret is short");
  getLogger("refundsync").info("{detail}", { detail: { text: "next-secret" } });
  expect(lines.map((line) => line.includes("next-secret"))).toEqual([true, false, false]);
  expect(lines[1]).toContain("the [redacted] is short");
});
