import { type Json, type JsonObject, parseJson } from "./json.ts";
import type { Release } from "./release.ts";

/** Text of DaxPay that cannot be read. The message says what was expected and found. */
export class MalformedError extends Error {
  override readonly name = "MalformedError";
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Parses a body that must be a JSON object. Throws a MalformedError. */
export function parseBody(body: Uint8Array, maxBytes: number): JsonObject {
  if (body.length > maxBytes) throw new MalformedError(`expected at most ${maxBytes} bytes, got more`);
  let json: Json;
  try {
    json = parseJson(utf8.decode(body));
  } catch (error) {
    throw new MalformedError(`expected JSON: ${(error as Error).message.slice(0, 200)}`);
  }
  if (json.type !== "object") throw new MalformedError(`expected an object, got ${describeType(json)}`);
  return json;
}

/** The member's text; undefined where it is missing or null. Throws a MalformedError for another type. */
export function optionalText(object: JsonObject, name: string): string | undefined {
  const member = object.members.get(name);
  if (!member || member.type === "null") return undefined;
  if (member.type !== "string") {
    throw new MalformedError(`expected member "${name}" to be a string, got ${describeType(member)}`);
  }
  return member.value;
}

/** How a release's times are read. */
export interface TimeContext {
  readonly release: Pick<Release, "time">;
  readonly timeZone: string;
  /** When the text arrived, in epoch milliseconds. */
  readonly now: number;
}

/** The member's time as epoch milliseconds; undefined where it is missing or null. Throws a MalformedError for another. */
export function timeOf(object: JsonObject, name: string, context: TimeContext): number | undefined {
  const member = object.members.get(name);
  if (!member || member.type === "null") return undefined;
  const { release, timeZone, now } = context;
  const text = scalarText(member);
  const time = text === undefined ? undefined : release.time.read(text, timeZone, now);
  if (time === undefined) {
    throw new MalformedError(`expected member "${name}" to be ${release.time.expected}, got ${preview(member)}`);
  }
  return time;
}

/** The text of a number or string; undefined for everything else. */
export function scalarText(member: Json | undefined): string | undefined {
  return member?.type === "number" ? member.text : member?.type === "string" ? member.value : undefined;
}

export function integerOf(member: Json | undefined): number | undefined {
  const text = scalarText(member) ?? "";
  return /^-?\d{1,9}$/.test(text) ? Number(text) : undefined;
}

/** What a message shows of a member. */
export function preview(member: Json): string {
  if (member.type === "string") return JSON.stringify(member.value.slice(0, 40));
  return member.type === "number" ? member.text.slice(0, 40) : describeType(member);
}

/** The type with its article, for messages. */
export function describeType(json: Json): string {
  return json.type === "null" ? "null" : /^[ao]/.test(json.type) ? `an ${json.type}` : `a ${json.type}`;
}
