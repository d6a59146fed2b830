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
  JSON.parse(text);
  try {
    return jsonFromNode(parse(text, { mode: "json", ranges: true }).body, text);
  } catch (error) {
    // momoa descends recursively, JSON.parse does not.
    if (error instanceof RangeError) throw new SyntaxError("nested too deeply");
    throw error;
  }
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
    case "Object": {
      const members = new Map<string, Json>();
      const seen = new Set<string>();
      for (const member of node.members) {
        const name = member.name.type === "String" ? member.name.value : member.name.name;
        const folded = name.toUpperCase();
        if (seen.has(folded)) throw new SyntaxError(`two members named ${JSON.stringify(name.slice(0, 40))}`);
        seen.add(folded);
        members.set(name, jsonFromNode(member.value, text));
      }
      return { type: "object", members };
    }
    default:
      throw new SyntaxError(`unexpected ${node.type}`);
  }
}

function sourceOf(node: ValueNode, text: string): string {
  if (!node.range) throw new TypeError("Cannot read a number's text: its node has no range");
  return text.slice(node.range[0], node.range[1]);
}
