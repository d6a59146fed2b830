/** What a text looks like that stands where a refund number is expected. */
export type DoubtKind =
  | "scientific"
  | "error"
  | "formula"
  | "rounded"
  | "date"
  | "amount"
  | "heading"
  | "placeholder";

export interface Doubt {
  readonly kind: DoubtKind;
  /** Whether no refund number can look like this. */
  readonly certain: boolean;
}

interface Rule extends Doubt {
  readonly pattern: RegExp;
}

const MONTH = "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*";

/**
 * A certain rule blocks a refund for good where it is wrong, since merchants choose their numbers freely. So each is
 * certain only of what spreadsheets write and nobody chooses: none matches a text of letters and digits alone.
 */
const RULES: readonly Rule[] = [
  // A decimal point or a plus tells 1.23457E+20, 1E+20 (Excel), 1.23457e+20 (Python) and 1.23457E20 (Java, which
  // writes so from E7 on) from identifiers such as 5E12345678 and 1E20.
  {
    kind: "scientific",
    certain: true,
    pattern: /^[1-9]\d{0,2}(?:(?:[.,]\d{1,17})?E\+\d{1,3}|[.,]\d{1,17}E(?:[7-9]|[1-9]\d{1,2}))$/i,
  },
  // MySQL's 1e20.
  { kind: "scientific", certain: false, pattern: /^[1-9]E\d\d$/i },
  {
    kind: "error",
    certain: true,
    pattern:
      /^#(?:N\/A|REF!|VALUE!|NAME\?|DIV\/0!|NUM!|NULL!|SPILL!|CALC!|FIELD!|BLOCKED!|CONNECT!|UNKNOWN!|BUSY!|ERROR!|PYTHON!|EXTERNAL!|GETTING_DATA)$/i,
  },
  // A column that is too narrow, and LibreOffice's errors.
  { kind: "error", certain: true, pattern: /^(?:#{3,}|Err:5\d\d)$/ },
  // A quoted text or a function call, also with the quotes that an input method writes.
  { kind: "formula", certain: true, pattern: /^[=＝](?:["“”＂].*["“”＂]|[a-z][a-z\d.]*\(.*\))$/is },
  { kind: "formula", certain: false, pattern: /^[=＝]/ },
  // Excel keeps 15 significant digits. Uncertain: every tenth number of 16 digits ends in 0.
  { kind: "rounded", certain: false, pattern: /^[1-9]\d{14}0+$/ },
  // Uncertain, as are all below: 2026/1/3 may be the third refund of January.
  { kind: "date", certain: false, pattern: /^\d{4}[-/.年]\d{1,2}(?:[-/.月]\d{1,2}日?|月)(?:[ T]\d{1,2}:.*)?$/ },
  { kind: "date", certain: false, pattern: /^\d{1,2}(?:[-/.]\d{1,2}[-/.](?:\d\d|\d{4})|月\d{1,2}日)(?: \d{1,2}:.*)?$/ },
  { kind: "date", certain: false, pattern: new RegExp(`^(?:\\d{1,2}-)?${MONTH}(?:-\\d{2,4})?$`, "i") },
  { kind: "date", certain: false, pattern: /^\d{1,2}:\d\d(?::\d\d)?$/ },
  { kind: "amount", certain: false, pattern: /^-?[¥￥]?(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+\.\d{1,2})$/ },
  { kind: "heading", certain: false, pattern: /^(?:[合总小共][计計]|(?:sub-?|grand )?total(?![a-z\d]))/i },
  { kind: "heading", certain: false, pattern: /^(?=.*\p{Script=Han})\P{N}+$/su },
  {
    kind: "placeholder",
    certain: false,
    pattern: /^(?:0+|[-–—/]+|null|nil|none|nan|undefined|n\/a|true|false|[无無])$/i,
  },
];

/** What makes a number doubtful, most of all that a spreadsheet changed it; undefined for all others. */
export function doubtIn(number: string): Doubt | undefined {
  return RULES.find(({ pattern }) => pattern.test(number));
}
