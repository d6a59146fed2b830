import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import tasks from "../deno.json" with { type: "json" };
import { DOCUMENTS, render } from "../scripts/docs.ts";
import { metricRows } from "../scripts/metrics.ts";
import { VARIABLE_NAMES } from "../src/config/variables.ts";
import { FailureReason } from "../src/gen/daxpay/refundsync/v1/sync_failure_pb.ts";

const ROOT = path.resolve(import.meta.dirname ?? "", "..");
const FILES = [
  ...readdirSync(ROOT).filter((name) => name.endsWith(".md")),
  "examples/README.md",
  ...readdirSync(path.join(ROOT, "docs")).filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`),
];

const read = (file: string) => readFileSync(path.join(ROOT, file), "utf8");
const namesIn = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, name]) => name);

/** The anchors of a page's headings, as GitHub makes them. */
function anchorsOf(text: string): string[] {
  return namesIn(text, /^#+ (.*)$/gm).map((title) =>
    title.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-")
  );
}

/** The text of all files below the folder. */
function sources(folder: string): string {
  return readdirSync(path.join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.tsx?$/.test(name)).map((name) => read(path.join(folder, name))).join("\n");
}

test.each(DOCUMENTS)("$file contains what `deno task docs` writes", (document) => {
  const { current, expected } = render(document);
  expect(current).toBe(expected);
});

test("every task is described", () => {
  expect(Object.values(tasks.tasks).every(({ description }) => description.length > 0)).toBe(true);
});

describe.each(FILES)("%s", (file) => {
  const text = read(file);

  test("links to files and headings that exist", () => {
    const links = namesIn(text, /\]\((?!https?:)([^)\s]+)\)/g);
    const broken = links.filter((link) => {
      const [target, anchor] = link.split("#");
      const to = target ? path.join(path.dirname(file), target) : file;
      return !existsSync(path.join(ROOT, to)) || (anchor !== undefined && !anchorsOf(read(to)).includes(anchor));
    });
    expect(broken).toEqual([]);
  });

  test("names tasks, variables, reasons and source files that exist", () => {
    const unknown = [
      ...namesIn(text, /deno task ([a-z:]+)/g).filter((name) => !(name in tasks.tasks)),
      ...namesIn(text, /`((?:DAXPAY|WATCH|TLS|AUTH|LOG|STORE|TRACK|WEBHOOK)_[A-Z_]+)\b/g).filter((name) =>
        !VARIABLE_NAMES.includes(name) && !(name in FailureReason)
      ),
      ...namesIn(text, /FAILURE_REASON_([A-Z_]+)/g).filter((name) => !(name in FailureReason)),
      ...namesIn(text, /`((?:src|test|scripts|deploy|proto|examples)\/[\w./-]*)`/g)
        .filter((name) => !existsSync(path.join(ROOT, name))),
    ];
    expect(unknown).toEqual([]);
  });
});

test.each(FILES.filter((file) => file !== "CHANGELOG.md"))(
  "%s names metrics and roles of the database that exist",
  (file) => {
    const roles = namesIn(read("deploy/roles.sql"), /'(refundsync_[a-z]+)'/g);
    const metrics = new Set(metricRows().flatMap(({ name }) => [name, name.replaceAll(".", "_")]));
    const named = namesIn(read(file), /\b((?:refundsync[._](?!v1)|daxpay\.clock|daxpay\.client)[a-z_.]*[a-z])/g);
    expect(named.filter((name) => !metrics.has(name.replace(/_total$/, "")) && !roles.includes(name))).toEqual([]);
  },
);

test("docs/upstream-bugs.md has every issue that the source names", () => {
  const named = namesIn(sources("src"), /denoland\/deno#(\d+)/g);
  expect(named.length).toBeGreaterThan(0);
  const listed = namesIn(read("docs/upstream-bugs.md"), /denoland\/deno\/\w+\/(\d+)/g);
  expect(named.filter((issue) => !listed.includes(issue))).toEqual([]);
});
