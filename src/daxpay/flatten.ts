import { plainDecimal } from "./decimal.ts";
import type { Json, JsonObject } from "./json.ts";
import type { Members } from "./sign.ts";

/**
 * Writes a received object as DaxPay v4 signs it (JsonSignStrUtil): every text by its path, `data.list[0].name=text`, in the
 * order of the paths' UTF-16 units and without any escaping. Null and empty lists and objects are left out, the empty
 * string is not.
 */
export function flattenedString(object: JsonObject): string {
  return joined(textsOf("", object));
}

/** Joins members that are flat already, as those of requests are. */
export function joined(members: Members): string {
  return [...members]
    .filter(([path]) => path.toLowerCase() !== "sign")
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([path, text]) => `${path}=${text}`)
    .join("&");
}

function textsOf(path: string, value: Json): [path: string, text: string][] {
  switch (value.type) {
    case "null":
      return [];
    case "boolean":
      return [[path, String(value.value)]];
    case "number":
      return [[path, plainDecimal(value.text) ?? value.text]];
    case "string":
      return [[path, value.value]];
    case "array":
      // The server's hutool drops nulls, and the items behind them move up.
      return value.items.filter(({ type }) => type !== "null")
        .flatMap((item, index) => textsOf(`${path}[${index}]`, item));
    case "object":
      return [...value.members].flatMap(([name, member]) => textsOf(path ? `${path}.${name}` : name, member));
  }
}

/** Characters that separate paths and texts in the flattened string. */
const SEPARATORS = /[.[\]&=]/;
/** What would start a member that is read, within a text. */
const MEMBER_START = /&(?:code|msg|resTime|reqId)=|&data[.[=]/;

/**
 * Returns why another object could have the same flattened string, and so the same signature; undefined where none can
 * that differs in a member that is read. Nothing in the string is escaped, so that a part of a text may pass for members.
 */
export function ambiguityOf(object: JsonObject): string | undefined {
  for (const [name, value] of object.members) {
    if (SEPARATORS.test(name)) return "the name of a member contains a separator of the signed string";
    const inner = ambiguityOfValue(value);
    if (inner) return inner;
  }
}

function ambiguityOfValue(value: Json): string | undefined {
  switch (value.type) {
    case "string":
      return MEMBER_START.test(value.value) ? "a text contains the start of another member" : undefined;
    case "array":
      return value.items.map(ambiguityOfValue).find((ambiguity) => ambiguity !== undefined);
    case "object":
      return ambiguityOf(value);
  }
}
