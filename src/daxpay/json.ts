import { parse, type ValueNode } from "@humanwhocodes/momoa";

/** A JSON value that keeps what JSON.parse loses: the text of numbers and the received order of members. */
export type Json =
  | { readonly type: "null" }
  | { readonly type: "boolean"; readonly value: boolean }
  | { readonly type: "number"; readonly text: string }
  | { readonly type: "string"; readonly value: string }
  | { readonly type: "array"; readonly items: readonly Json[] }
  | JsonObject;

export interface JsonObject {
  readonly type: "object";
  readonly members: ReadonlyMap<string, Json>;
}

/**
 * Parses JSON strictly. Throws a SyntaxError that says what is wrong, also where an object has two members of one name:
 * a signature over such an object could mean either. Names that differ only in case count as one, as in DaxPay's own
 * case-insensitive map.
 */
export function parseJson(text: string): Json {
  // JSON.parse judges the grammar, since momoa lets raw control characters stand in strings.
  const value: unknown = JSON.parse(text);
  try {
    // JSON.parse loses how numbers are spelled, doubled names and the order of numeric ones. Where the value is written
    // just as it was read it lost nothing, as with nearly all of DaxPay's replies, and need not be parsed a second time.
    if (JSON.stringify(value) === text) return jsonFromValue(value);
    return jsonFromNode(parse(text, { mode: "json", ranges: true }).body, text);
  } catch (error) {
    // JSON.parse is the only one that does not descend recursively.
    if (error instanceof RangeError) throw new SyntaxError("nested too deeply");
    throw error;
  }
}

function jsonFromValue(value: unknown): Json {
  switch (typeof value) {
    case "boolean":
      return { type: "boolean", value };
    case "string":
      return { type: "string", value };
    case "number":
      return { type: "number", text: String(value) };
  }
  if (value === null) return { type: "null" };
  if (Array.isArray(value)) return { type: "array", items: value.map(jsonFromValue) };
  return objectOf(Object.entries(value as object).map(([name, member]) => [name, jsonFromValue(member)]));
}

function jsonFromNode(node: ValueNode, text: string): Json {
  switch (node.type) {
    case "Null":
      return { type: "null" };
    case "Boolean":
      return { type: "boolean", value: node.value };
    case "String":
      return { type: "string", value: node.value };
    case "Number":
      return { type: "number", text: sourceOf(node, text) };
    case "Array":
      return { type: "array", items: node.elements.map((element) => jsonFromNode(element.value, text)) };
    case "Object":
      return objectOf(
        node.members.map(({ name, value }) => [
          name.type === "String" ? name.value : name.name,
          jsonFromNode(value, text),
        ]),
      );
    default:
      throw new SyntaxError(`unexpected ${node.type}`);
  }
}

function objectOf(members: readonly (readonly [name: string, value: Json])[]): JsonObject {
  const seen = new Set<string>();
  for (const [name] of members) {
    const folded = name.toUpperCase();
    if (seen.has(folded)) throw new SyntaxError(`two members named ${JSON.stringify(name.slice(0, 40))}`);
    seen.add(folded);
  }
  return { type: "object", members: new Map(members) };
}

function sourceOf(node: ValueNode, text: string): string {
  if (!node.range) throw new TypeError("Cannot read a number's text: its node has no range");
  return text.slice(node.range[0], node.range[1]);
}
