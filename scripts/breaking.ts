import process from "node:process";
import { expectNoArguments } from "../src/cli/arguments.ts";

const HELP = `Compares the protos with those of the last tag

  --help  this page`;

/** Compares the protos with those of the last tag, by `buf breaking`. Exits with buf's code, with 0 without a tag. */
async function main(): Promise<number> {
  const { code: untagged, stdout } = await run("git", "describe", "--tags", "--abbrev=0");
  const tag = stdout.trim();
  if (untagged !== 0 || tag === "") {
    console.log("No tag yet, so there is nothing that the protos could break");
    return 0;
  }
  const buf = ["run", "-A", "npm:@bufbuild/buf", "breaking", "--against", `.git#tag=${tag}`];
  const { code, stdout: breaks, stderr } = await run(Deno.execPath(), ...buf);
  console.log(code === 0 ? `The protos are compatible with ${tag}` : `${breaks}${stderr}`.trim());
  return code;
}

async function run(command: string, ...args: string[]) {
  const { code, stdout, stderr } = await new Deno.Command(command, { args, stdin: "null" }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

if (import.meta.main) {
  expectNoArguments(HELP);
  process.exitCode = await main();
}
