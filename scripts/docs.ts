import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { VARIABLES } from "../src/config/config.ts";
import { FAMILIES, REFUNDS } from "../src/sandbox/refunds.ts";

export const README = path.resolve(import.meta.dirname ?? "", "../README.md");

/** What stands between `<!-- name -->` and `<!-- /name -->` in the README. */
const BLOCKS: Readonly<Record<string, () => string>> = {
  variables() {
    const rows = Object.entries(VARIABLES).map(([name, variable]) => {
      const { description, default: fallback, defaultLabel, secret } = variable as {
        description: string;
        default?: string;
        defaultLabel?: string;
        secret?: true;
      };
      return `| ${name}${secret ? " or …_FILE" : ""} | ${fallback ?? defaultLabel ?? "–"} | ${description} |`;
    });
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
};

/** The README with its generated parts as the code has them. */
export function rendered(text: string): string {
  return Object.entries(BLOCKS).reduce((result, [name, render]) => {
    const block = new RegExp(`<!-- ${name} -->[^]*<!-- /${name} -->`);
    if (!block.test(result)) throw new Error(`Found no "<!-- ${name} -->" in the README`);
    return result.replace(block, () => `<!-- ${name} -->\n\n${render()}\n\n<!-- /${name} -->`);
  }, text);
}

if (import.meta.main) writeFileSync(README, rendered(readFileSync(README, "utf8")));
