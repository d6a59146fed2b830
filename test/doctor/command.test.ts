import { expect, test } from "vitest";
import { VARIABLE_NAMES } from "../../src/config/variables.ts";
import { envOf, expectDiscreet, SECRET, withSandbox } from "./run.ts";

/** Runs the command as people do, with no more permissions than it needs. */
async function start(env: Record<string, string>, ...args: string[]) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      "--allow-net",
      "--allow-read",
      `--allow-env=${VARIABLE_NAMES.join(",")}`,
      "src/cli/doctor.ts",
      ...args,
    ],
    env: {
      PATH: "",
      HOME: Deno.env.get("HOME") ?? "",
      DENO_DIR: Deno.env.get("DENO_DIR") ?? "",
      NO_COLOR: "1",
      ...env,
    },
    clearEnv: true,
  }).output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  expectDiscreet(out + err);
  return { code, out, err };
}

test("the command tells people that all is well and exits with 0", async () => {
  await withSandbox({ release: "2.0.8", now: Date.now }, async (url) => {
    const { code, out, err } = await start(envOf(url, "2.0.8"));
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toContain("✓ Signature: accepted");
    expect(out).toContain("All is well");
  });
});

test("the command tells machines what is wrong and exits with 1", async () => {
  await withSandbox({ release: "2.0.8", now: Date.now }, async (url) => {
    const { code, out, err } = await start(envOf(url, "documented"), "--json");
    expect({ code, err }).toEqual({ code: 1, err: "" });
    const told = JSON.parse(out);
    expect(told).toMatchObject({ ok: false, release: "documented" });
    expect(told.steps.map(({ id }: { id: string }) => id)).toEqual(["address", "path", "signature", "reply", "clock"]);
    expect(told.steps[1]).toMatchObject({ ok: false, causes: ["DOCUMENTED_PATH", "WRONG_RELEASE"] });
    expect(told.steps[1].advice.join()).toContain("DAXPAY_RELEASE=2.0.8");
  });
});

test("the command reads the secret from a file", async () => {
  const file = await Deno.makeTempFile();
  await Deno.writeTextFile(file, `${SECRET}\n`);
  try {
    await withSandbox({ release: "2.0.6", now: Date.now }, async (url) => {
      const env = envOf(url, "2.0.6", { DAXPAY_SIGN_SECRET: "", DAXPAY_SIGN_SECRET_FILE: file });
      expect(await start({ ...env })).toMatchObject({ code: 0, err: "" });
    });
  } finally {
    await Deno.remove(file);
  }
});

test("the command names every mistake of the configuration and exits with 2", async () => {
  const env = { DAXPAY_SIGN_SECRET: SECRET, DAXPAY_RELEASE: "1.0" };
  const people = await start(env);
  expect(people.code).toBe(2);
  expect(people.err).toContain("DAXPAY_URL: expected an http or https URL");
  expect(people.err).toContain('got "1.0"');
  const machines = await start(env, "--json");
  expect(machines.code).toBe(2);
  expect(JSON.parse(machines.out)).toMatchObject({ ok: false, steps: [] });
});

test("the command refuses a flag that it does not know, without its value, and exits with 2", async () => {
  const { code, err } = await start({}, `--secret=${SECRET}`);
  expect({ code, err }).toEqual({ code: 2, err: 'expected --json or --help, got "--secret"\n' });
});

test("the command explains itself and exits with 0", async () => {
  const { code, out } = await start({}, "--help");
  expect(code).toBe(0);
  expect(out).toContain("--json");
});
