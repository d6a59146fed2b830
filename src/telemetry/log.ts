import process from "node:process";
import {
  ansiColorFormatter,
  configure,
  getJsonLinesFormatter,
  getLogger,
  type LogRecord,
  type Sink,
  type TextFormatter,
} from "@logtape/logtape";
import { DEFAULT_REDACT_FIELDS, JWT_PATTERN, redactByField, redactByPattern } from "@logtape/redaction";
import type { LogConfig } from "../config/read.ts";
import { isLongEnoughToRedact } from "../util/redact.ts";
import { createStdoutWriter } from "./stdout.ts";

/** Root of all log categories. */
export const LOG_CATEGORY = "refundsync";

/** The library's patterns and DaxPay's `sign` in one expression, since it is matched with every field name. */
const SECRET_FIELD = new RegExp(
  [...DEFAULT_REDACT_FIELDS.map((pattern) => new RegExp(pattern).source), "^sign$"].join("|"),
  "i",
);
const REDACTED = "[redacted]";
/** Bearer tokens and signatures as they occur in headers, requests and replies, however often quoted. */
const PATTERNS = [
  { pattern: /Bearer\s+[^\s"\\]+/gi, replacement: REDACTED },
  { pattern: /("sign\\*"\s*:\s*\\*")(?:[^"\\]|\\+[^"\\])*/gi, replacement: `$1${REDACTED}` },
  { pattern: /key=[^\s"&\\]+/gi, replacement: `key=${REDACTED}` },
  JWT_PATTERN,
];
const formatJson = getJsonLinesFormatter();
/** DEL and the C1 controls, which JSON does not escape and a terminal interprets. */
const CONTROL = /[\x7f-\x9f]/;

/** Milliseconds at exit for lines that are not written yet. */
const FLUSH_MS = 1_000;

export interface Log {
  /** Redacts further texts. */
  redact(secrets: readonly string[]): void;
  /** Lines dropped since the start because standard output did not take them. */
  dropped(): number;
}

export interface LogOptions {
  /** Takes each line with its newline. Defaults to standard output, which drops lines rather than waits. */
  readonly print?: (line: string) => void;
  /** Whether OTEL_DENO, if it is on, exports what passes through the console. Defaults to true. */
  readonly exported?: boolean;
  /** Texts to redact. Those of fewer than 6 characters are not. */
  readonly secrets?: readonly string[];
}

/** Writes the process's log to standard output. Redaction is the second line of defence: no secret is passed to the log. */
export async function startLog(
  config: LogConfig,
  { print, exported = true, secrets = [] }: LogOptions = {},
): Promise<Log> {
  const output = print ? { write: print, dropped: () => 0 } : openOutput(exported);
  const redactedTexts = new Set(secrets.filter(isLongEnoughToRedact));
  const redactedFormatter = (formatter: TextFormatter) =>
    redactByPattern(formatter, [
      ...PATTERNS,
      ...[...redactedTexts].map((secret) => ({ pattern: literalPattern(secret), replacement: REDACTED })),
    ]);
  const renewals: (() => void)[] = [];
  const writer = (formatter: TextFormatter): Sink => {
    let redacted = redactedFormatter(formatter);
    renewals.push(() => redacted = redactedFormatter(formatter));
    return (record) => output.write(redacted(record));
  };
  const json = config.format === "json";
  const redactingSink = redactByField(writer(json ? formatJson : ansiColorFormatter), {
    fieldPatterns: [SECRET_FIELD],
    action: () => REDACTED,
  });
  // For nearly all records: those without anything that redacting fields could change.
  const fastSink = writer(json ? formatPlain : ansiColorFormatter);
  await configure({
    reset: true,
    sinks: { out: (record) => (isPlain(record) ? fastSink : redactingSink)(record) },
    loggers: [
      { category: LOG_CATEGORY, lowestLevel: config.level, sinks: ["out"] },
      // LogTape's own category: only its failures matter.
      { category: ["logtape", "meta"], lowestLevel: "error", sinks: ["out"] },
    ],
  });
  return {
    dropped: output.dropped,
    redact(further) {
      const unknown = further.filter((text) => isLongEnoughToRedact(text) && !redactedTexts.has(text));
      if (unknown.length === 0) return;
      for (const text of unknown) redactedTexts.add(text);
      for (const renew of renewals) renew();
    },
  };
}

/** OTEL_DENO=true shows in OpenTelemetry's registry. The console is all that Deno exports, and waits for its reader. */
function openOutput(exported: boolean): { write(line: string): void; dropped(): number } {
  if (exported && Symbol.for("opentelemetry.js.api.1") in globalThis) {
    return { write: (line) => console.log(line.slice(0, -1)), dropped: () => 0 };
  }
  const writer = createStdoutWriter((count) =>
    getLogger(LOG_CATEGORY).warn("Dropped {count} log lines: standard output was not read", { count })
  );
  const flush = () => writer.flush(FLUSH_MS);
  globalThis.addEventListener("unload", () => {
    flush();
    // A restart by --watch keeps the process.
    writer.close();
  });
  // A crash does not unload.
  process.on("uncaughtExceptionMonitor", flush);
  return writer;
}

/** Whether no field name suggests a secret, and no value has fields of its own. */
function isPlain({ message, properties }: LogRecord): boolean {
  for (const name in properties) {
    if (SECRET_FIELD.test(name) || !isPrimitive(properties[name])) return false;
  }
  return message.every(isPrimitive);
}

/** Without bigint, which JSON lacks. */
function isPrimitive(value: unknown): boolean {
  const type = typeof value;
  return type === "string" || type === "number" || type === "boolean" || value === undefined || value === null;
}

/** The same line as `formatJson` makes of a plain record, several times faster. */
function formatPlain(record: LogRecord): string {
  const line = JSON.stringify({
    "@timestamp": new Date(record.timestamp).toISOString(),
    level: record.level === "warning" ? "WARN" : record.level.toUpperCase(),
    // Texts and values alternate.
    message: record.message.map((part, index) => index % 2 === 0 ? part : `${JSON.stringify(part)}`).join(""),
    logger: record.category.join("."),
    properties: record.properties,
  });
  return CONTROL.test(line) ? formatJson(record) : `${line}\n`;
}

/** Matches the text in any case, bare or JSON-escaped any number of times. */
function literalPattern(text: string): RegExp {
  const source = [...text].map((char) => {
    const [bare, quoted] = [RegExp.escape(char), JSON.stringify(char).slice(1, -1)];
    return quoted === char ? bare : `(?:\\\\+${RegExp.escape(quoted.slice(1))}|${bare})`;
  });
  return new RegExp(source.join(""), "gi");
}
