import { ansiColorFormatter, configure, getConsoleSink, getJsonLinesFormatter, type Sink } from "@logtape/logtape";
import { DEFAULT_REDACT_FIELDS, JWT_PATTERN, redactByField, redactByPattern } from "@logtape/redaction";
import type { LogConfig } from "./config.ts";

/** The root of all log categories. */
export const LOG_CATEGORY = "refundsync";

/** All levels go the same way, so that lines stay in order. */
const STANDARD_OUTPUT = {
  trace: "log",
  debug: "log",
  info: "log",
  warning: "log",
  error: "log",
  fatal: "log",
} as const;
/** The library's patterns and DaxPay's `sign` in one, since every name of every line is held against it. */
const SECRET_FIELD = new RegExp(
  [...DEFAULT_REDACT_FIELDS.map((pattern) => new RegExp(pattern).source), "^sign$"].join("|"),
  "i",
);
/** What stands in place of something secret. */
const REDACTED = "[redacted]";
/** Bearer tokens and signatures as they stand in headers, requests and replies. */
const PATTERNS = [
  { pattern: /\bBearer\s+[^\s"\\]+/gi, replacement: REDACTED },
  { pattern: /("sign"\s*:\s*")[^"]*/g, replacement: `$1${REDACTED}` },
  { pattern: /\bkey=[^\s"&\\]+/g, replacement: `key=${REDACTED}` },
  JWT_PATTERN,
];

export interface LogOptions {
  /** Receives the records instead of standard output. */
  readonly sink?: Sink;
  /** Texts that must never stand in a line. */
  readonly secrets?: readonly string[];
}

/**
 * Sends the process's log to standard output. Nothing that logs passes secrets on; that they are taken out here as well
 * is the second line of defence.
 */
export async function startLog(config: LogConfig, { sink, secrets = [] }: LogOptions = {}): Promise<void> {
  const formatter = config.format === "json" ? getJsonLinesFormatter() : ansiColorFormatter;
  const patterns = [
    ...PATTERNS,
    ...secrets.filter(isTelling).map((secret) => ({ pattern: literally(secret), replacement: REDACTED })),
  ];
  await configure({
    reset: true,
    sinks: {
      out: sink ??
        redactByField(getConsoleSink({ formatter: redactByPattern(formatter, patterns), levelMap: STANDARD_OUTPUT }), {
          fieldPatterns: [SECRET_FIELD],
          action: () => REDACTED,
        }),
    },
    loggers: [
      { category: LOG_CATEGORY, lowestLevel: config.level, sinks: ["out"] },
      // LogTape's own category: only its failures matter.
      { category: ["logtape", "meta"], lowestLevel: "error", sinks: ["out"] },
    ],
  });
}

/** A secret of a few characters also stands in other words, and taking it out there would show it. */
function isTelling(secret: string): boolean {
  return secret.length >= 6;
}

/** Matches the text as it stands in a line, in whatever case: bare, quoted, or quoted within what is quoted. */
function literally(text: string): RegExp {
  const quoted = (bare: string) => JSON.stringify(bare).slice(1, -1);
  const forms = [quoted(quoted(text)), quoted(text), text];
  return new RegExp(forms.map((form) => RegExp.escape(form)).join("|"), "gi");
}
