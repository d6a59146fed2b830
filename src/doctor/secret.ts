import { Buffer } from "node:buffer";
import type { DaxPayOptions } from "../daxpay/client.ts";
import { describeFullWidth, describeInvisible, replaceInvisible, toHalfWidth } from "../util/characters.ts";
import type { Reason, SecretCause } from "./step.ts";

/** The configured secret, or another reading of it. */
export interface Secret {
  readonly text: string;
  /** What is wrong with the configured secret if this one is right; none for the configured one. */
  readonly flaws: readonly SecretFlaw[];
}

export interface SecretFlaw extends Reason {
  readonly cause: SecretCause;
  /** Completes "The secret …". Shows nothing of the secret but characters that nobody chooses. */
  readonly finding: string;
  /** Completes "accepted …". */
  readonly repair: string;
}

type Secrets = Pick<DaxPayOptions, "secret" | "previousSecret">;

const VARIABLE = "DAXPAY_SIGN_SECRET (or the file that DAXPAY_SIGN_SECRET_FILE names)";

/** One mistake that people make on the way from DaxPay's page to the variable, and how to undo it. */
interface Repair {
  readonly cause: SecretCause;
  /** Returns the same text where the mistake was not made. */
  readonly undo: (text: string) => string;
  readonly finding: (text: string) => string;
  readonly repair: string;
  readonly fix: string;
}

/** Undone one after the other, as one mistake may hide another. */
const REPAIRS: readonly Repair[] = [
  {
    cause: "SECRET_IS_UTF16",
    // UTF-16 that was read as UTF-8: a NUL beside every ASCII character, and a broken byte order mark.
    undo: (text) =>
      text.includes("\0") ? text.replace(/^\ufffd+/, "").replaceAll("\0", "").replace(/[\r\n]+$/, "") : text,
    finding: () => "is stored as UTF-16, as Windows PowerShell's > writes it",
    repair: "with the secret's file read as UTF-16",
    fix: "save the file of DAXPAY_SIGN_SECRET_FILE as UTF-8 without a byte order mark",
  },
  {
    cause: "SECRET_ENDS_IN_LINE_BREAK",
    undo: (text) => text.replace(/[\r\n]+$/, ""),
    finding: () => "ends in a line break",
    repair: "without the line break at the secret's end",
    fix: `DaxPay's does not, so remove it from ${VARIABLE}`,
  },
  {
    cause: "SECRET_HAS_INVISIBLE_CHARACTERS",
    undo: (text) => replaceInvisible(text, ""),
    finding: (text) => `contains ${describeInvisible(text)}`,
    repair: "without the secret's invisible characters",
    fix: `DaxPay's does not, so type it again in ${VARIABLE}, and save a file as UTF-8 without a byte order mark`,
  },
  {
    cause: "SECRET_HAS_WHITE_SPACE",
    undo: (text) => text.trim(),
    finding: () => "has white space at its start or end",
    repair: "without the white space around the secret",
    fix: `DaxPay's does not, so remove it from ${VARIABLE}`,
  },
  {
    cause: "SECRET_IN_QUOTES",
    undo: (text) => text.replace(/^["'`“”‘’「『＂＇](.*)["'`“”‘’」』＂＇]$/s, "$1"),
    finding: () => "is in quotes, which count as part of it",
    repair: "without the quotes around the secret",
    fix: `remove them from ${VARIABLE}`,
  },
  {
    cause: "SECRET_HAS_FULL_WIDTH_CHARACTERS",
    undo: toHalfWidth,
    finding: (text) => `contains ${describeFullWidth(text)}, as a Chinese input method writes them`,
    repair: "with half-width characters in the secret",
    fix: `DaxPay's has half-width ones, so type it again in ${VARIABLE}`,
  },
  {
    cause: "SECRET_IS_BASE64",
    undo: (text) => fromBase64(fromBase64(text)),
    finding: () => "is the Base64 form of another text",
    repair: "with the secret decoded from Base64",
    fix: `decode it in ${VARIABLE}: Kubernetes decodes \`data:\` once and \`stringData:\` not at all`,
  },
];

const PREVIOUS: SecretFlaw = {
  cause: "SECRET_IS_PREVIOUS",
  finding: "is not yet DaxPay's",
  repair: "with the previous secret",
  advice: "DaxPay still uses the secret of DAXPAY_SIGN_SECRET_PREVIOUS: " +
    "change the secret in DaxPay too, or make that one DAXPAY_SIGN_SECRET again",
};

/** The configured secret first, then every other reading of it, and the previous one. */
export function secretsOf({ secret, previousSecret }: Secrets): [Secret, ...Secret[]] {
  const others: Secret[] = [];
  let current: Secret = { text: secret, flaws: [] };
  for (const repair of REPAIRS) {
    const text = repair.undo(current.text);
    if (text === current.text || text === "") continue;
    current = { text, flaws: [...current.flaws, flawOf(repair, current.text)] };
    others.push(current);
  }
  if (previousSecret) others.push({ text: previousSecret, flaws: [PREVIOUS] });
  const texts = new Set([secret]);
  return [{ text: secret, flaws: [] }, ...others.filter(({ text }) => !texts.has(text) && texts.add(text))];
}

function flawOf({ cause, finding: describe, repair, fix }: Repair, text: string): SecretFlaw {
  const finding = describe(text);
  return { cause, finding, repair, advice: `The secret ${finding}: ${fix}` };
}

/** What makes the configured secret suspicious although no other reading of it was accepted either. */
export function describeSuspicions(secrets: Secrets): string {
  const findings = secretsOf(secrets).slice(1).flatMap(({ flaws }) => flaws).filter((flaw) => flaw !== PREVIOUS)
    .map(({ finding }) => finding);
  if (findings.length === 0) return "";
  return `. Note that the configured secret ${[...new Set(findings)].join(", and ")}`;
}

/** Decodes Base64 of readable text; returns everything else as it is. */
function fromBase64(text: string): string {
  if (!/^[A-Za-z0-9+/]{4,}={0,2}$/.test(text)) return text;
  const bytes = Buffer.from(text, "base64");
  if (bytes.toString("base64") !== text) return text;
  const decoded = bytes.toString("utf8").replace(/[\r\n]+$/, "");
  return /^[\x20-\x7e]+$/.test(decoded) ? decoded : text;
}
