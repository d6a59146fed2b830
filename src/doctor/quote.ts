import { replaceInvisible } from "../util/characters.ts";
import type { Interpretation } from "./interpretation.ts";
import type { ProbeResult } from "./search.ts";

/** Quotes a foreign text: short, harmless on a terminal and without anything that could be a signature. */
export function quote(text: string): string {
  const plain = replaceInvisible(text.replace(/[0-9a-f]{32,}/gi, "…"), " ").replace(/\s+/g, " ").trim();
  return JSON.stringify(plain.length > 120 ? `${plain.slice(0, 120)}…` : plain);
}

/** Code and text of a reply. */
export function describeReply({ code, text }: Interpretation): string {
  if (code === undefined) return "no DaxPay code";
  return text ? `code ${code} ${quote(text)}` : `code ${code}`;
}

/** HTTP status, code and text of a reply. */
export function describeAnswer({ answer, interpretation }: ProbeResult): string {
  return `HTTP ${answer.status}, ${describeReply(interpretation)}`;
}
