import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { VARIABLES } from "../src/config/variables.ts";
import { FAMILIES, REFUNDS } from "../src/sandbox/refunds.ts";
import { metricRows } from "./metrics.ts";

const ROOT = path.resolve(import.meta.dirname ?? "", "..");
export const README = path.join(ROOT, "README.md");

/** What the documentation needs of a variable. */
const ROWS = Object.entries(VARIABLES).map(([name, variable]) => ({
  name,
  ...variable as {
    readonly description: string;
    readonly default?: string;
    readonly defaultLabel?: string;
    readonly secret?: true;
  },
}));

/** Generated text by the name of its markers, `<!-- name -->` and `<!-- /name -->`. */
const BLOCKS: Readonly<Record<string, () => string>> = {
  variables() {
    const rows = ROWS.map((row) =>
      `| ${row.name}${row.secret ? " or …_FILE" : ""} | ${
        row.default ?? row.defaultLabel ?? "–"
      } | ${row.description} |`
    );
    return ["| variable | default | meaning |", "|---|---|---|", ...rows].join("\n");
  },
  refunds() {
    const plain = [
      ...REFUNDS.filter(({ fault }) => !fault),
      ...FAMILIES.map(({ pattern, description }) => ({ refundNo: pattern, description })),
    ].map(({ refundNo, description }) => `| ${refundNo} | ${description} `);
    const half = Math.ceil(plain.length / 2);
    const rows = plain.slice(0, half).map((row, index) => `${row}${plain[index + half] ?? "| | "}|`);
    const faults = REFUNDS.filter(({ fault }) => fault).map(({ refundNo }) => `\`${refundNo}\``);
    return [
      "| refund_no | behaviour | refund_no | behaviour |",
      "|---|---|---|---|",
      ...rows,
      "",
      `Broken replies (of the sync; a query is answered): ${faults.join(", ")}.`,
    ].join("\n");
  },
  metrics() {
    const rows = metricRows().map(({ name, unit, description }) => `| \`${name}\` | ${unit} | ${description} |`);
    return ["| metric | unit | meaning |", "|---|---|---|", ...rows].join("\n");
  },
};

/** The files that contain generated text; without blocks, the whole file is generated. */
export const DOCUMENTS: readonly { readonly file: string; readonly blocks?: readonly string[] }[] = [
  { file: "README.md", blocks: ["variables", "refunds"] },
  { file: ".env.example" },
];

/** The document's current text, and what it should be. */
export function render({ file, blocks }: typeof DOCUMENTS[number]) {
  const current = readFileSync(path.join(ROOT, file), "utf8");
  if (!blocks) return { current, expected: envExample() };
  const expected = blocks.reduce((text, name) => {
    const block = new RegExp(`<!-- ${name} -->[^]*<!-- /${name} -->`);
    if (!block.test(text)) throw new Error(`${file}: expected a "<!-- ${name} -->" block, got none`);
    return text.replace(block, () => `<!-- ${name} -->\n\n${BLOCKS[name]()}\n\n<!-- /${name} -->`);
  }, current);
  return { current, expected };
}

/** The whole of .env.example. */
function envExample(): string {
  const entries = ROWS.map(({ name, description, default: defaultText, defaultLabel, secret }) => {
    const required = defaultLabel === "required";
    const lines = wrapped(`${description[0].toUpperCase()}${description.slice(1)}.`);
    if (secret) lines.push(`# Also accepted from the file that ${name}_FILE names.`);
    if (required) lines.push("# Required.");
    else if (defaultText === undefined && defaultLabel !== undefined) lines.push(`# Defaults to ${defaultLabel}.`);
    return [...lines, `${required ? "" : "#"}${name}=${defaultText ?? ""}`].join("\n");
  });
  return [
    "# Every variable of the service: `set -a; . ./.env; set +a; deno task start`. A commented variable shows its default.",
    "# Written by `deno task docs`.",
    "",
    entries.join("\n\n"),
    "",
  ].join("\n");
}

/** A comment in lines of at most 120 characters. */
function wrapped(text: string): string[] {
  const lines = ["#"];
  for (const word of text.split(" ")) {
    if (`${lines.at(-1)} ${word}`.length > 120) lines.push("#");
    lines[lines.length - 1] += ` ${word}`;
  }
  return lines;
}

if (import.meta.main) {
  for (const document of DOCUMENTS) writeFileSync(path.join(ROOT, document.file), render(document).expected);
}
