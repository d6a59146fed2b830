/** Characters without a glyph, among them those that terminals obey; white space is none of them. */
const INVISIBLE = /[\p{Default_Ignorable_Code_Point}\p{Cf}]|(?!\s)\p{Cc}/gu;
/** Also line breaks, tabs and what stands for undecodable bytes: none of them is typed into a one-line value. */
const UNTYPED = /[\p{Default_Ignorable_Code_Point}\p{Cf}\p{Cc}\ufffd]/gu;

const NAMES: Readonly<Record<string, string>> = {
  "\u0000": "NUL",
  "\t": "tab",
  "\n": "line feed",
  "\r": "carriage return",
  "\u00ad": "soft hyphen",
  "\u200b": "zero width space",
  "\u200c": "zero width non-joiner",
  "\u200d": "zero width joiner",
  "\u200e": "left-to-right mark",
  "\u200f": "right-to-left mark",
  "\u202c": "pop directional formatting",
  "\u202d": "left-to-right override",
  "\u2060": "word joiner",
  "\ufeff": "byte order mark",
  "\ufffd": "replacement for bytes that are not UTF-8",
};

export function replaceInvisible(text: string, replacement: string): string {
  return text.replace(INVISIBLE, replacement);
}

/** Whether it contains characters that nobody types into a one-line value. */
export function hasUntyped(text: string): boolean {
  return text.search(UNTYPED) >= 0;
}

/** Writes them as `\u{200b}`. */
export function escapeUntyped(text: string): string {
  return text.replace(UNTYPED, (character) => `\\u{${codeOf(character).toLowerCase()}}`);
}

/** Lists the kinds of invisible characters, for example `1 invisible character (U+200B zero width space)`. */
export function describeInvisible(text: string): string {
  return describe(text.match(INVISIBLE) ?? [], "invisible character");
}

export function describeUntyped(text: string): string {
  return describe(text.match(UNTYPED) ?? [], "control or invisible character");
}

function describe(characters: readonly string[], noun: string): string {
  const kinds = [...new Set(characters)].slice(0, 5)
    .map((character) => `U+${codeOf(character)} ${NAMES[character] ?? ""}`.trim());
  return `${count(characters.length, noun)} (${kinds.join(", ")})`;
}

function codeOf(character: string): string {
  return (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
}

/** Replaces full-width letters, digits and signs, as Chinese input methods write them, by the ASCII ones. */
export function toHalfWidth(text: string): string {
  return text.replace(/[\uff01-\uff5e\u3000]/g, (character) => character.normalize("NFKC"));
}

export function describeFullWidth(text: string): string {
  return count(text.match(/[\uff01-\uff5e\u3000]/g)?.length ?? 0, "full-width character");
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
