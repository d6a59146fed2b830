import type { ProbeResult } from "./search.ts";
import type { Interpretation } from "./verdict.ts";

/** Terminals obey some of these, and they make texts look like others. */
// deno-lint-ignore no-control-regex
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069]+/g;

/** A foreign text, short, harmless on a terminal and without anything that could be a signature. */
export function quote(text: string): string {
  const plain = text.replace(/[0-9a-f]{32,}/gi, "…").replace(UNSEEN, " ").replace(/\s+/g, " ").trim();
  return JSON.stringify(plain.length > 120 ? `${plain.slice(0, 120)}…` : plain);
}

/** Code and text of an answer. */
export function sayingWords({ code, text }: Interpretation): string {
  if (code === undefined) return "no DaxPay code";
  return text ? `code ${code} ${quote(text)}` : `code ${code}`;
}

/** The whole answer in short. */
export function answerWords({ answer, saying }: ProbeResult): string {
  return `HTTP ${answer.status}, ${sayingWords(saying)}`;
}
