import type { Json } from "./json.ts";

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
