import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";

const ROOT = path.resolve(import.meta.dirname ?? "", "../..");
/** Nothing answers there. */
const NOWHERE = "http://127.0.0.1:1";

export interface Image {
  /** The file tree that the image's WORKDIR holds. */
  readonly folder: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly ports: readonly number[];
  readonly user: string;
  /** Arguments of its Deno. */
  readonly args: readonly string[];
  /** Runs Deno as somebody who may read the image and no more. */
  readonly command: readonly [string, ...string[]];
  remove(): void;
}

/**
 * Follows the Dockerfile without a container engine: its copies, commands and variables in a folder that cannot be
 * written afterwards, its program as a user whom file modes bind. Packages come from this machine's cache.
 */
export function buildImage(): Image {
  const top = mkdtempSync(path.join(tmpdir(), "image-"));
  const folder = path.join(top, "app");
  const cache = path.join(top, "deno-dir");
  const programs = path.join(top, "bin");
  for (const one of [folder, cache, programs]) mkdirSync(one);
  symlinkSync(Deno.execPath(), path.join(programs, "deno"));
  const { denoDir } = JSON.parse(execFileSync(Deno.execPath(), ["info", "--json"], { encoding: "utf8" }));
  const packages = path.join(denoDir, "npm");
  mkdirSync(packages, { recursive: true });
  symlinkSync(packages, path.join(cache, "npm"));

  const variables: Record<string, string> = { DENO_DIR: cache, HTTPS_PROXY: NOWHERE };
  const image = { ports: [] as number[], user: "", args: [] as string[] };
  for (const [instruction, rest] of instructions(readFileSync(path.join(ROOT, "Dockerfile"), "utf8"))) {
    switch (instruction) {
      case "FROM":
      case "WORKDIR":
        break;
      case "COPY": {
        const sources = rest.split(" ");
        const target = path.join(folder, sources.pop() ?? "");
        for (const source of sources) {
          cpSync(path.join(ROOT, source), rest.endsWith("/") ? path.join(target, source) : target, { recursive: true });
        }
        break;
      }
      case "RUN": {
        const env = { ...process.env, PATH: `${programs}:${process.env.PATH}`, DENO_DIR: cache };
        execFileSync("sh", ["-c", rest], { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
        break;
      }
      case "ENV":
        for (const [, name, value] of rest.matchAll(/(\w+)=(\S+)/g)) variables[name] = value;
        break;
      case "EXPOSE":
        image.ports.push(...rest.split(" ").map(Number));
        break;
      case "USER":
        image.user = rest;
        break;
      case "ENTRYPOINT": {
        const [program, ...args] = JSON.parse(rest);
        if (program !== "deno") throw new RangeError(`ENTRYPOINT: expected deno, got "${program}"`);
        image.args.push(...args);
        break;
      }
      default:
        throw new RangeError(`Dockerfile: expected a known instruction, got ${instruction}`);
    }
  }
  setWritable(top, false);
  return {
    folder,
    variables,
    ...image,
    command: [...AS_ANYBODY, Deno.execPath()] as const,
    remove() {
      setWritable(top, true);
      rmSync(top, { recursive: true });
    },
  };
}

/** File modes do not bind root, unless it has no capabilities left. */
const AS_ANYBODY: readonly [string, ...string[]] = Deno.uid() === 0
  ? ["setpriv", "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs"]
  : ["env"];

/** Each instruction and what follows it; a line that ends in a backslash goes on. */
function instructions(text: string): (readonly [string, string])[] {
  return text.replace(/^#.*\n/gm, "").replace(/\\\n\s*/g, "").split("\n").filter(Boolean).map((line) => {
    const [, instruction, rest] = /^(\w+)\s+(.*)$/.exec(line) ?? [];
    return [instruction, rest] as const;
  });
}

/** Packages are links to the cache's own files, whose modes are left alone; their folders are not. */
function setWritable(top: string, writable: boolean): void {
  const mode = writable ? "u+w" : "a-w";
  execFileSync("find", [
    top,
    "(",
    "-type",
    "d",
    "-o",
    "-type",
    "f",
    "-links",
    "1",
    ")",
    "-exec",
    "chmod",
    mode,
    "{}",
    "+",
  ]);
}
