import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expectNoArguments } from "../src/cli/arguments.ts";
import { VARIABLES } from "../src/config/variables.ts";
import { type Release, RELEASES } from "../src/daxpay/release.ts";
import { ADMIN_CALLS } from "../src/sandbox/admin.ts";
import { FAMILIES, REFUNDS } from "../src/sandbox/refunds.ts";
import { type Action, ACTIONS, errorRows } from "./errors.ts";
import { metricRows } from "./metrics.ts";

const HELP = `Writes the generated tables of the documentation, and .env.example

  --help  this page`;

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
const BLOCKS = {
  variables: () =>
    table(
      ["Variable", "Default", "Meaning"],
      ROWS.map((row) => [
        `\`${row.name}\`${row.secret ? ` or \`${row.name}_FILE\`` : ""}`,
        row.default ? `\`${row.default}\`` : row.defaultLabel ?? "",
        row.description,
      ]),
    ),
  metrics: () =>
    table(
      ["Metric", "Unit", "Meaning"],
      metricRows().map(({ name, unit, description }) => [`\`${name}\``, unit && `\`${unit}\``, description]),
    ),
  errors: () =>
    table(
      ["Reason", "Code", "Delivery", "Retry delay", "What to do"],
      errorRows().map(({ reason, code, delivery, retryDelayMs, text }) => [
        `\`${reason}\``,
        `\`${code}\``,
        `\`${delivery}\``,
        retryDelayMs === undefined ? "" : `${retryDelayMs / 1000} s`,
        text,
      ]),
    ),
  actions: () =>
    actionTable(["What to do", "Reasons"], {
      retry: "Retry after `retry_delay`",
      request: "Fix the call",
      operator: "Ask the operator; `deno task doctor` names the setting",
      investigate: "Stop and investigate: the reply proves nothing",
    }),
  "actions-zh": () =>
    actionTable(["处理方式", "原因"], {
      retry: "等待 `retry_delay` 后重试",
      request: "修正调用",
      operator: "联系运维，`deno task doctor` 会指出要改的配置",
      investigate: "停止并排查：该响应不能证明任何状态",
    }),
  releases: () => releaseTable(["`DAXPAY_RELEASE`", "Sync", "Query", "Also requires"]),
  "releases-zh": () => releaseTable(["`DAXPAY_RELEASE`", "同步接口", "查询接口", "还需设置"]),
  refunds: () =>
    table(
      ["refund_no", "Behavior"],
      [
        ...REFUNDS.filter(({ fault }) => !fault),
        ...FAMILIES.map(({ pattern, description }) => ({ refundNo: pattern, description })),
      ].map(({ refundNo, description }) => [`\`${refundNo}\``, description]),
    ),
  faults: () =>
    table(
      ["refund_no", "Fault", "Reply to the sync"],
      REFUNDS.flatMap(({ refundNo, fault, description }) =>
        fault ? [[`\`${refundNo}\``, `\`${fault}\``, description]] : []
      ),
    ),
  "sandbox-calls": () =>
    table(
      ["Call", "Effect"],
      Object.entries(ADMIN_CALLS).map(([call, { description }]) => [`\`${call}\``, description]),
    ),
} as const satisfies Record<string, () => string>;

function actionTable(header: readonly string[], titles: Readonly<Record<Action, string>>): string {
  const rows = errorRows();
  return table(
    header,
    ACTIONS.map((action) => [
      titles[action],
      rows.filter((row) => row.action === action).map(({ reason }) => `\`${reason}\``).join(", "),
    ]),
  );
}

function releaseTable(header: readonly string[]): string {
  const identity = { appId: "`DAXPAY_APP_ID`", mchNo: "`DAXPAY_MCH_NO`" } as const;
  const releases: readonly (readonly [string, Release])[] = Object.entries(RELEASES);
  return table(
    header,
    releases.map(([name, { path, query, identity: members, signing }]) => [
      `\`${name}\``,
      `\`${path}\``,
      query ? `\`${query.path}\`` : "–",
      [
        ...members.map((member) => identity[member]),
        ...(signing === "rsa" ? ["`DAXPAY_PRIVATE_KEY`", "`DAXPAY_PLATFORM_KEYS`"] : []),
      ].join(", "),
    ]),
  );
}

/** A Markdown table as `deno fmt` formats it. */
function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [header, ...rows].map((row) => row.map((cell) => cell.replaceAll("|", "\\|")));
  const widths = header.map((_, column) => Math.max(3, ...cells.map((row) => widthOf(row[column]))));
  const line = (row: readonly string[], fill: string) =>
    `| ${row.map((cell, column) => cell + fill.repeat(widths[column] - widthOf(cell))).join(" | ")} |`;
  const [first, ...others] = cells;
  return [line(first, " "), line(header.map(() => ""), "-"), ...others.map((row) => line(row, " "))].join("\n");
}

/** Columns in a terminal, where Chinese characters take two. */
function widthOf(text: string): number {
  return [...text].reduce((width, char) => width + (/[\u2e80-\u9fff\uff00-\uff60]/.test(char) ? 2 : 1), 0);
}

/** The files that contain generated text; without blocks, the whole file is generated. */
export const DOCUMENTS: readonly { readonly file: string; readonly blocks?: readonly (keyof typeof BLOCKS)[] }[] = [
  { file: "README.md", blocks: ["actions", "releases"] },
  { file: "README.zh-CN.md", blocks: ["actions-zh", "releases-zh"] },
  { file: "docs/configuration.md", blocks: ["variables"] },
  { file: "docs/errors.md", blocks: ["errors"] },
  { file: "docs/operations.md", blocks: ["metrics"] },
  { file: "docs/sandbox.md", blocks: ["refunds", "faults", "sandbox-calls"] },
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
  expectNoArguments(HELP);
  for (const document of DOCUMENTS) writeFileSync(path.join(ROOT, document.file), render(document).expected);
}
