import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import { stripVTControlCharacters } from "node:util";

const ROOT = path.resolve(import.meta.dirname ?? "", "..");
const PROTO = path.join(ROOT, "proto");
/** The public contract only. */
const FILES = readdirSync(path.join(PROTO, "daxpay/refundsync/v1")).map((name) => `daxpay/refundsync/v1/${name}`);

const decoder = new TextDecoder();

/** Something that is not installed. */
class Missing extends Error {}

/** Runs a command in a folder and returns its standard output. Throws Missing where there is no such command. */
async function run(folder: string, command: string, ...args: string[]): Promise<string> {
  const env = { PYTHONPATH: path.join(folder, "gen") };
  try {
    const { success, stdout, stderr } = await new Deno.Command(command, { args, cwd: folder, env }).output();
    const [output, errors] = [stdout, stderr].map((bytes) => stripVTControlCharacters(decoder.decode(bytes)).trim());
    if (success) return output;
    throw new Error([[command, ...args].join(" "), output, errors].join("\n"));
  } catch (error) {
    throw error instanceof Deno.errors.NotFound ? new Missing(`${command} is not installed`) : error;
  }
}

/** Whether the command is installed and succeeds. */
function succeeds(command: string, ...args: string[]): Promise<boolean> {
  return run(ROOT, command, ...args).then(() => true, () => false);
}

/** Generates into the folder's `gen`. The plugins get no option but that folder. */
async function generate(folder: string, ...flags: string[]): Promise<void> {
  mkdirSync(path.join(folder, "gen"));
  const args = [`-I${PROTO}`, ...flags, ...FILES];
  if (await succeeds("protoc", "--version")) await run(folder, "protoc", ...args);
  else await run(folder, "python3", "-m", "grpc_tools.protoc", ...args);
}

async function requireModule(name: string): Promise<void> {
  await run(ROOT, "python3", "--version");
  if (!await succeeds("python3", "-c", `import ${name}`)) throw new Missing(`Python's ${name} is not installed`);
}

/** Generates the stubs of the example in the folder, builds it and starts it; returns its output. */
type Language = (folder: string, args: readonly string[]) => Promise<string>;

const LANGUAGES: Readonly<Record<string, Language>> = {
  async go(folder, args) {
    await run(folder, "go", "version");
    for (const plugin of ["protoc-gen-go", "protoc-gen-go-grpc"]) await run(folder, plugin, "--version");
    if (!await succeeds("protoc", "--version")) await requireModule("grpc_tools.protoc");
    await generate(folder, "--go_out=gen", "--go-grpc_out=gen");
    await run(path.join(folder, "gen/daxpay"), "go", "mod", "init", "daxpay");
    await run(folder, "go", "mod", "tidy");
    await run(folder, "go", "build", "-o", "example");
    return await run(folder, path.join(folder, "example"), ...args);
  },
  async java(folder, args) {
    const goals = ["compile", "exec:java", `-Dproto.folder=${PROTO}`, `-Dexec.args=${args.join(" ")}`];
    return await run(folder, "mvn", "--quiet", "--batch-mode", ...goals);
  },
  async python(folder, args) {
    for (const module of ["grpc_tools.protoc", "grpc_status", "google.rpc"]) await requireModule(module);
    await generate(folder, "--python_out=gen", "--grpc_python_out=gen");
    return await run(folder, "python3", "example.py", ...args);
  },
};

/**
 * Builds and starts the examples in other languages with stubs of stock plugins, and lets them call the service at the
 * given address. Exits with 1 if one fails; what is not installed is skipped.
 */
async function stubs(args: readonly string[]): Promise<number> {
  let failures = 0;
  const go = await run(ROOT, "go", "env", "GOPATH").catch(() => undefined);
  if (go) process.env.PATH += `${path.delimiter}${path.join(go, "bin")}`;
  for (const [name, build] of Object.entries(LANGUAGES)) {
    const folder = mkdtempSync(path.join(os.tmpdir(), `stubs-${name}-`));
    try {
      cpSync(path.join(ROOT, "examples", name), folder, { recursive: true });
      const output = await build(folder, args);
      console.log(`${name}: passed\n${output.replace(/^/gm, "  ")}`);
    } catch (error) {
      const skipped = error instanceof Missing;
      if (!skipped) failures++;
      console.log(`${name}: ${skipped ? "skipped" : "failed"}: ${(error as Error).message}`);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  return failures > 0 ? 1 : 0;
}

if (import.meta.main) process.exit(await stubs(Deno.args));
