import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";

const SRC = path.resolve(import.meta.dirname ?? "", "../src");

/** What each layer may import besides itself, and why it may import no more. */
const LAYERS: Readonly<Record<string, { readonly may: readonly string[]; readonly why: string }>> = {
  gen: { may: [], why: "generated code stands alone" },
  util: { may: [], why: "everybody may import it, so that it must know nobody" },
  daxpay: { may: [], why: "the wire knows no RPC, so that it can be read beside DaxPay's own source" },
  refund: { may: ["daxpay"], why: "the domain knows no sockets and no RPC, so that a clock can drive it" },
  service: { may: ["refund", "daxpay", "gen"], why: "the RPCs translate; how they are served is not theirs" },
  intercept: { may: ["gen"], why: "what holds for every RPC must not know what one RPC does" },
  http: { may: [], why: "sockets know no RPC by name" },
  sandbox: { may: [], why: "a wrong signer must not be able to agree with itself" },
  cli: { may: ["sandbox"], why: "a command reads arguments, and leaves the work to a layer" },
  console: { may: ["client", "gen"], why: "the page uses the API as any other caller does" },
  client: { may: ["gen"], why: "other services take this file without the service" },
  config: { may: ["daxpay", "refund"], why: "it names what the layers are told, and starts nothing" },
  reload: { may: [], why: "it knows files, not what stands in them" },
  meter: { may: [], why: "it keeps numbers, whatever they count" },
  environment: { may: ["config"], why: "it reads the process's surroundings, and starts nothing" },
  access: {
    may: ["config", "http", "intercept", "reload"],
    why: "it opens what the configuration names for the sockets",
  },
  observe: { may: ["daxpay", "refund", "meter"], why: "it tells what the domain does, and knows no RPC" },
  start: { may: ["config", "environment"], why: "the launcher must not load what it is to confine" },
  log: { may: ["config"], why: "it only chooses where lines go" },
  doctor: { may: ["daxpay", "config"], why: "it must find what is wrong without the service in between" },
};

/** Where a file stands: its folder under src, or its own name at the top. */
function layerOf(file: string): string {
  const [first] = path.relative(SRC, file).split(path.sep);
  return first.replace(/\.tsx?$/, "");
}

const files = readdirSync(SRC, { recursive: true, encoding: "utf8" })
  .filter((name) => /\.tsx?$/.test(name) && !name.includes("dist"))
  .map((name) => path.join(SRC, name));

function importsOf(file: string): string[] {
  const text = readFileSync(file, "utf8");
  return [...text.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)].map(([, target]) =>
    path.resolve(path.dirname(file), target)
  );
}

test("imports point down", () => {
  const wrong: string[] = [];
  for (const file of files) {
    const from = layerOf(file);
    const layer = LAYERS[from];
    if (!layer) continue;
    for (const target of importsOf(file)) {
      const to = layerOf(target);
      if (to !== from && to !== "util" && !layer.may.includes(to)) {
        wrong.push(`${path.relative(SRC, file)} imports ${path.relative(SRC, target)}: ${layer.why}`);
      }
    }
  }
  expect(wrong).toEqual([]);
});

test("every folder is a layer", () => {
  const folders = readdirSync(SRC, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  expect(folders.map(({ name }) => name).filter((name) => !LAYERS[name])).toEqual([]);
});

test("imports go round in no circle", () => {
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (file: string, trail: readonly string[]) => {
    if (trail.includes(file)) {
      circles.push([...trail.slice(trail.indexOf(file)), file].map((name) => path.relative(SRC, name)).join(" → "));
    }
    if (done.has(file) || trail.includes(file) || !files.includes(file)) return;
    const values = readFileSync(file, "utf8").replace(/import type [^;]+;/g, "");
    for (const [, target] of values.matchAll(/from\s+"(\.[^"]+)"/g)) {
      visit(path.resolve(path.dirname(file), target), [...trail, file]);
    }
    done.add(file);
  };
  for (const file of files) visit(file, []);
  expect(circles).toEqual([]);
});

test("only the entry files and the configuration's source touch the environment", () => {
  const wrong = files.filter((file) => !/[/\\](main|start|doctor|dev)\.ts$/.test(file))
    .filter((file) => /Deno\.env|process\.env/.test(readFileSync(file, "utf8")));
  expect(wrong.map((file) => path.relative(SRC, file))).toEqual([]);
});
