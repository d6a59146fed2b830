import {
  ansiColorFormatter,
  configure,
  getJsonLinesFormatter,
  type LogRecord,
  type Sink,
  type TextFormatter,
} from "@logtape/logtape";
import { DEFAULT_REDACT_FIELDS, JWT_PATTERN, redactByField, redactByPattern } from "@logtape/redaction";
import type { LogConfig } from "../config/config.ts";

/** The root of all log categories. */
export const LOG_CATEGORY = "refundsync";

/** The library's patterns and DaxPay's `sign` in one, since every name of every line is held against it. */
const SECRET_FIELD = new RegExp(
  [...DEFAULT_REDACT_FIELDS.map((pattern) => new RegExp(pattern).source), "^sign$"].join("|"),
  "i",
);
/** What stands in place of something secret. */
const REDACTED = "[redacted]";
/** Bearer tokens and signatures as they stand in headers, requests and replies, be they quoted or the rest of an escape. */
const PATTERNS = [
  { pattern: /Bearer\s+[^\s"\\]+/gi, replacement: REDACTED },
  { pattern: /("sign\\*"\s*:\s*\\*")(?:[^"\\]|\\+[^"\\])*/gi, replacement: `$1${REDACTED}` },
  { pattern: /key=[^\s"&\\]+/gi, replacement: `key=${REDACTED}` },
  JWT_PATTERN,
];
const formatJson = getJsonLinesFormatter();
/** What a terminal takes for a command and JSON lets stand: DEL and the C1 controls. */
const CONTROL = /[\x7f-\x9f]/;

export interface LogOptions {
  /** Receives the lines, each with its newline, instead of standard output. */
  readonly print?: (line: string) => void;
  /** Texts that must never stand in a line. */
  readonly secrets?: readonly string[];
}

/**
 * Sends the process's log to standard output. Nothing that logs passes secrets on; that they are taken out here as well
 * is the second line of defence.
 */
export async function startLog(
  config: LogConfig,
  { print = createStdoutWriter(), secrets = [] }: LogOptions = {},
): Promise<void> {
  const patterns = [
    ...PATTERNS,
    ...secrets.filter(isLongEnoughToRedact).map((secret) => ({
      pattern: literalPattern(secret),
      replacement: REDACTED,
    })),
  ];
  const writer = (formatter: TextFormatter): Sink => {
    const redacted = redactByPattern(formatter, patterns);
    return (record) => print(redacted(record));
  };
  const json = config.format === "json";
  const redactingSink = redactByField(writer(json ? formatJson : ansiColorFormatter), {
    fieldPatterns: [SECRET_FIELD],
    action: () => REDACTED,
  });
  // Nearly all lines: there is nothing that taking out fields could change.
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
}

/**
 * How lines get to standard output, all levels in one order. Telemetry, which shows in OpenTelemetry's registry, exports
 * what passes through the console; without it there is no need for the console's work, several times that of the write.
 */
function createStdoutWriter(): (line: string) => void {
  if (Symbol.for("opentelemetry.js.api.1") in globalThis) return (line) => console.log(line.slice(0, -1));
  const encoder = new TextEncoder();
  return (line) => {
    for (let rest = encoder.encode(line); rest.length > 0;) rest = rest.subarray(Deno.stdout.writeSync(rest));
  };
}

/** Whether no name is one of something secret, and no value has names within. */
function isPlain({ message, properties }: LogRecord): boolean {
  for (const name in properties) {
    if (SECRET_FIELD.test(name) || !isPrimitive(properties[name])) return false;
  }
  return message.every(isPrimitive);
}

/** Without bigints, which JSON cannot say. */
function isPrimitive(value: unknown): boolean {
  const type = typeof value;
  return type === "string" || type === "number" || type === "boolean" || value === undefined || value === null;
}

/** The very line that the library makes of a plain record, in one go. */
function formatPlain(record: LogRecord): string {
  const line = JSON.stringify({
    "@timestamp": new Date(record.timestamp).toISOString(),
    level: record.level === "warning" ? "WARN" : record.level.toUpperCase(),
    // Texts and values take turns.
    message: record.message.map((part, index) => index % 2 === 0 ? part : `${JSON.stringify(part)}`).join(""),
    logger: record.category.join("."),
    properties: record.properties,
  });
  return CONTROL.test(line) ? formatJson(record) : `${line}\n`;
}

/** A secret of a few characters also stands in other words, and taking it out there would show it. */
function isLongEnoughToRedact(secret: string): boolean {
  return secret.length >= 6;
}

/** Matches the text as it stands in a line, in whatever case: bare or quoted, and however often that was quoted again. */
function literalPattern(text: string): RegExp {
  const source = [...text].map((char) => {
    const [bare, quoted] = [RegExp.escape(char), JSON.stringify(char).slice(1, -1)];
    return quoted === char ? bare : `(?:\\\\+${RegExp.escape(quoted.slice(1))}|${bare})`;
  });
  return new RegExp(source.join(""), "gi");
}
