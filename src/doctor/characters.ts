/** Characters without a glyph, among them those that terminals obey; white space is none of them. */
const INVISIBLE = /[\p{Default_Ignorable_Code_Point}\p{Cf}]|(?!\s)\p{Cc}/gu;

const NAMES: Readonly<Record<string, string>> = {
  "\u0000": "NUL",
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
};

export function replaceInvisible(text: string, replacement: string): string {
  return text.replace(INVISIBLE, replacement);
}

/** Lists the kinds of invisible characters, for example `1 invisible character (U+200B zero width space)`. */
export function describeInvisible(text: string): string {
  const found = text.match(INVISIBLE) ?? [];
  const kinds = [...new Set(found)].slice(0, 5).map((character) => {
    const code = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
    return [`U+${code}`, NAMES[character] ?? ""].join(" ").trim();
  });
  return `${count(found.length, "invisible character")} (${kinds.join(", ")})`;
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
