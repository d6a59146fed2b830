import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";

const SRC = path.resolve(import.meta.dirname ?? "", "../src");

/** What each folder may import besides itself, types included, and why no more. */
const LAYERS: Readonly<Record<string, { readonly may: readonly string[]; readonly why: string }>> = {
  util: { may: [], why: "the bottom layer" },
  gen: { may: [], why: "generated code stands alone" },
  daxpay: { may: ["util"], why: "the wire knows no RPC, so that it can be compared with DaxPay's own source" },
  refund: { may: ["daxpay", "util"], why: "the domain knows no sockets and no RPC, so that a clock can drive it" },
  store: { may: ["util"], why: "tables and statements know neither RPCs nor DaxPay's wire" },
  tracking: { may: ["store", "refund", "daxpay", "util"], why: "it joins the domain and the store, and knows no RPC" },
  config: { may: ["daxpay", "refund", "util"], why: "it describes options of the layers, and starts nothing" },
  http: { may: ["util"], why: "sockets know no RPC by name" },
  auth: { may: ["config", "http", "util"], why: "who may call is independent of what is called" },
  interceptors: { may: ["auth", "util"], why: "what applies to every RPC knows none by name" },
  service: {
    may: ["tracking", "refund", "daxpay", "gen", "util"],
    why: "RPCs translate; how they are served is not theirs",
  },
  telemetry: {
    may: ["config", "daxpay", "refund", "tracking", "util"],
    why: "it observes the domain, and knows no RPC",
  },
  client: { may: ["gen"], why: "other services copy this file without the service" },
  console: { may: ["client", "gen", "util"], why: "the page uses the API like any other caller" },
  sandbox: { may: ["util"], why: "a wrong signer must not be able to agree with itself" },
  doctor: { may: ["config", "daxpay", "util"], why: "it finds faults without the service in between" },
  app: {
    may: [
      "auth",
      "config",
      "daxpay",
      "doctor",
      "gen",
      "http",
      "interceptors",
      "refund",
      "service",
      "store",
      "telemetry",
      "tracking",
      "util",
    ],
    why: "it wires the service, and knows no command",
  },
  main: { may: ["app", "config", "telemetry"], why: "the service process is the app and nothing else" },
  cli: {
    may: [
      "app",
      "client",
      "config",
      "daxpay",
      "doctor",
      "gen",
      "refund",
      "sandbox",
      "store",
      "telemetry",
      "tracking",
      "util",
    ],
    why: "commands start what others define",
  },
};

/** The folder under src, or the name of a file at the top. */
function layerOf(file: string): string {
  const [first] = path.relative(SRC, file).split(path.sep);
  return first.replace(/\.tsx?$/, "");
}

const files = readdirSync(SRC, { recursive: true, encoding: "utf8" })
  .filter((name) => /\.tsx?$/.test(name) && !name.includes("dist"))
  .map((name) => path.join(SRC, name));
const relative = (file: string) => path.relative(SRC, file);

/** Imported files of this repository's sources, those imported for types included. */
function importsOf(file: string): string[] {
  const text = readFileSync(file, "utf8");
  return [...text.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+\.tsx?)"/g)]
    .map(([, target]) => path.resolve(path.dirname(file), target));
}

test("imports point down", () => {
  const wrong = files.flatMap((file) => {
    const from = layerOf(file);
    return importsOf(file).filter((target) => layerOf(target) !== from && !LAYERS[from]?.may.includes(layerOf(target)))
      .map((target) => `${relative(file)} imports ${relative(target)}: ${LAYERS[from]?.why}`);
  });
  expect(wrong).toEqual([]);
});

test("every folder and every file at the top is a layer, and layers import in no cycle", () => {
  expect([...new Set(files.map(layerOf))].sort()).toEqual(Object.keys(LAYERS).sort());
  const reachable = (layer: string, seen = new Set<string>()): ReadonlySet<string> => {
    for (const next of LAYERS[layer].may) {
      if (seen.has(next)) continue;
      seen.add(next);
      reachable(next, seen);
    }
    return seen;
  };
  expect(Object.keys(LAYERS).filter((layer) => reachable(layer).has(layer))).toEqual([]);
});

test("files import each other in no cycle, types included", () => {
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (file: string, trail: readonly string[]) => {
    if (trail.includes(file)) {
      cycles.push([...trail.slice(trail.indexOf(file)), file].map(relative).join(" → "));
    }
    if (done.has(file) || trail.includes(file) || !files.includes(file)) return;
    for (const target of importsOf(file)) visit(target, [...trail, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
  expect(cycles).toEqual([]);
});

test("only config reads the environment", () => {
  const wrong = files.filter((file) => layerOf(file) !== "config")
    .filter((file) => /\bDeno\.env\b|\bprocess\.env\b/.test(readFileSync(file, "utf8")));
  expect(wrong.map(relative)).toEqual([]);
});
