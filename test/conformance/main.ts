import { mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { readArgumentsOrExit } from "../../src/cli/arguments.ts";

const SUITE = "connectrpc.com/conformance";
const VERSION = "v1.0.7";
const FOLDER = import.meta.dirname ?? "";
const BUF = path.resolve(FOLDER, "../../node_modules/.bin/buf");

const HELP = `Runs connectrpc's conformance suite ${VERSION} against the listener and the interceptors. Needs Go.

--run <pattern>  only the matching cases, like "Timeouts/**"
--trace          the HTTP exchange of every failed case
--help           this page`;

/** Runs connectrpc's conformance suite against the listener, gate and interceptors. Exits with the suite's code. */
async function main(options: readonly string[]): Promise<number> {
  const module = await output("go", ["mod", "download", "-json", `${SUITE}@${VERSION}`]).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
  if (module === undefined) {
    console.log("Skipped: the conformance suite needs Go (https://go.dev/dl)");
    return 0;
  }
  const { Dir: source } = JSON.parse(module);
  const folder = mkdtempSync(path.join(tmpdir(), "conformance-"));
  const image = path.join(folder, "image.binpb");
  mkdirSync(path.join(folder, "bin"));
  await output(BUF, ["build", path.join(source, "proto"), "--output", image]);
  await output("go", ["install", `${SUITE}/cmd/connectconformance@${VERSION}`], { GOBIN: path.join(folder, "bin") });
  const { code } = await new Deno.Command(path.join(folder, "bin/connectconformance"), {
    args: [
      ...["--mode", "server", "--conf", path.join(FOLDER, "features.yaml"), ...options, "--"],
      ...[Deno.execPath(), "run", "-A", path.join(FOLDER, "server.ts"), image],
    ],
  }).spawn().status;
  return code;
}

/** Standard output of a command that succeeds. */
async function output(command: string, args: string[], env: Record<string, string> = {}): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(command, { args, env, stdin: "null" }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  if (code !== 0) throw new Error(`${command} ${args.join(" ")}: ${text(stderr).trim()}`);
  return text(stdout);
}

/** Options of the suite's own command. */
function readOptions(): string[] {
  return readArgumentsOrExit({
    options: { run: { type: "string" }, trace: { type: "boolean" } },
    help: () => HELP,
    read: ({ run, trace }) => [...(run === undefined ? [] : ["--run", run]), ...(trace ? ["--trace"] : [])],
  });
}

if (import.meta.main) process.exitCode = await main(readOptions());
