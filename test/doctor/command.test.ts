import { expect, test } from "vitest";
import { doctor } from "../../src/cli/doctor.ts";
import { VARIABLE_NAMES } from "../../src/config/variables.ts";
import { envOf, expectNoSecrets, SECRET, withSandbox } from "./run.ts";

/** Runs the command as people do, with no more permissions than it needs. */
async function start(env: Record<string, string>, ...args: string[]) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      "--allow-net",
      "--allow-read",
      `--allow-env=${VARIABLE_NAMES.join(",")}`,
      "--ignore-env=LOG_TOKENS,LOG_STREAM",
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
  expectNoSecrets(out + err);
  return { code, out, err };
}

test("deno task doctor exits with 0 when all checks pass", async () => {
  await withSandbox({ release: "2.0.8", now: Date.now }, async (url) => {
    const { code, out, err } = await start(envOf(url, "2.0.8"));
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toContain("✓ Signature: accepted, and a wrong signature is rejected");
    expect(out).toContain("All checks passed (4 requests)");
  });
});

test("deno task doctor exits with 0 when checks only warn", async () => {
  await withSandbox({ release: "3.0.0", now: Date.now }, async (url) => {
    const { code, out } = await start(envOf(url, "3.0.0"));
    expect(code).toBe(0);
    expect(out).toContain("! Request age: not limited");
    expect(out).toContain("All checks passed, 2 warnings (5 requests)");
  });
});

test("deno task doctor --json prints the documented members and exits with 1 when a check fails", async () => {
  await withSandbox({ release: "2.0.8", now: Date.now }, async (url) => {
    const { code, out, err } = await start(envOf(url, "documented"), "--json");
    expect({ code, err }).toEqual({ code: 1, err: "" });
    const result = JSON.parse(out);
    expect(result).toEqual({
      ok: false,
      account: "default",
      url: `${url}/`,
      release: "documented",
      signType: "HMAC_SHA256",
      requests: expect.any(Number),
      steps: ["address", "path", "signature", "reply", "query", "clock", "requestAge"].map((id) => ({
        id,
        status: expect.stringMatching(/^(passed|warning|failed|skipped)$/),
        ok: expect.toBeOneOf([true, false, null]),
        found: expect.any(String),
        causes: expect.any(Array),
        advice: expect.any(Array),
      })),
    });
    expect(result.steps[1]).toMatchObject({
      status: "failed",
      ok: false,
      causes: ["DOCUMENTED_PATH", "WRONG_RELEASE"],
      advice: [expect.any(String), expect.stringContaining("DAXPAY_RELEASE=2.0.8")],
    });
    expect(result.steps[4]).toMatchObject({ status: "skipped", ok: null, causes: [], advice: [] });
  });
});

test("deno task doctor --refund-no adds a check", async () => {
  await withSandbox({ release: "3.0.0", now: Date.now }, async (url) => {
    const { code, out } = await start(envOf(url, "3.0.0"), "--refund-no=R-SUCCEEDS", "--json");
    expect(code).toBe(0);
    expect(JSON.parse(out).steps.at(-1)).toMatchObject({ id: "refund", status: "passed" });
  });
});

test("deno task doctor --account checks one account of the file, and lists them if it must be given", async () => {
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/secret`, SECRET);
  try {
    await withSandbox({ release: "2.0.8", now: Date.now }, async (url) => {
      const settings = `url: ${url}, secret_file: ${folder}/secret`;
      await Deno.writeTextFile(
        `${folder}/accounts.yaml`,
        `shop: {${settings}, release: 2.0.8}\noutlet: {url: "http://127.0.0.1:9", secret_file: ${folder}/secret, release: 2.0.6}\n`,
      );
      const env = { DAXPAY_ACCOUNTS_FILE: `${folder}/accounts.yaml` };
      const { code, out } = await start(env, "--account", "shop", "--json");
      expect(code).toBe(0);
      expect(JSON.parse(out)).toMatchObject({ account: "shop", release: "2.0.8", ok: true });
      expect((await start(env, "--account=outlet")).out).toContain("Account outlet: DaxPay at http://127.0.0.1:9/");
      expect(await start(env)).toMatchObject({
        code: 2,
        err: "--account: expected one of shop, outlet, got nothing\n",
      });
      expect(await start(env, "--account=Kx7")).toMatchObject({
        code: 2,
        err: "--account: expected one of shop, outlet, got another name\n",
      });
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

test("deno task doctor reads the secret from a file", async () => {
  const file = await Deno.makeTempFile();
  await Deno.writeTextFile(file, `${SECRET}\n`);
  try {
    await withSandbox({ release: "2.0.6", now: Date.now }, async (url) => {
      const env = envOf(url, "2.0.6", { DAXPAY_SIGN_SECRET: "", DAXPAY_SIGN_SECRET_FILE: file });
      expect(await start(env)).toMatchObject({ code: 0, err: "" });
    });
  } finally {
    await Deno.remove(file);
  }
});

test("deno task doctor names every problem of the configuration and exits with 2", async () => {
  const env = { DAXPAY_SIGN_SECRET: SECRET, DAXPAY_RELEASE: "1.0" };
  const text = await start(env);
  expect(text).toMatchObject({ code: 2, out: "" });
  expect(text.err).toContain("DAXPAY_URL: expected");
  expect(text.err).toContain("DAXPAY_RELEASE: expected");
  const json = await start(env, "--json");
  expect(json.code).toBe(2);
  expect(JSON.parse(json.out)).toEqual({
    ok: false,
    problems: [expect.stringContaining("DAXPAY_URL: expected"), expect.stringContaining("DAXPAY_RELEASE: expected")],
    steps: [],
  });
});

test.each([
  ["DAXPAY_TIME_ZONE", "CST"],
  ["DAXPAY_TIME_ZONE", "CTT"],
  ["DAXPAY_APP_ID", "M8207639754663343\n"],
  ["DAXPAY_QUERY", "off"],
])("deno task doctor rejects %s=%j of a 3.0.0 with exit code 2", async (name, value) => {
  const { code, err } = await start(envOf("http://127.0.0.1:9", "3.0.0", { [name]: value }));
  expect(code).toBe(2);
  expect(err).toContain(`${name}: expected`);
});

test("deno task doctor finds the release where DAXPAY_RELEASE is unset", async () => {
  await withSandbox({ release: "2.0.8", now: Date.now }, async (url) => {
    const { code, out } = await start(envOf(url, ""));
    expect(code).toBe(1);
    expect(out).toContain("set DAXPAY_RELEASE=2.0.8");
  });
});

const FLAGS = "expected --account <value>, --refund-no <value>, --json or --help";

test.each([
  [[`--secret=${SECRET}`], `${FLAGS}, got "--secret"`],
  [["-x"], `${FLAGS}, got "-x"`],
  [[SECRET], `${FLAGS}, got another argument`],
  [["--", SECRET], `${FLAGS}, got another argument`],
  [["--json=yes"], "--json: expected no value, got one"],
  [["--refund-no"], "--refund-no: expected a value, got none"],
  [["--refund-no", "--json"], "--refund-no: expected a value, got none"],
  [["--refund-no="], "--refund-no: expected a value, got none"],
  [["--refund-no", "R 1"], "--refund-no: expected 1 to 100 characters without white space, got others"],
])("doctor() rejects the arguments %j in one line with exit code 2", async (args, problem) => {
  const printed: string[] = [];
  const exitCode = await doctor(args, {
    config: { env: () => undefined, readFile: () => "", isTerminal: false },
    deps: { fetch, now: Date.now, nonce: () => "" },
    print: (text) => void printed.push(`out: ${text}`),
    printError: (text) => void printed.push(text),
  });
  expect({ exitCode, printed }).toEqual({ exitCode: 2, printed: [problem] });
});

test("deno task doctor --help prints every option and the exit codes", async () => {
  const { code, out } = await start({}, "--help");
  expect(code).toBe(0);
  for (const part of ["--refund-no", "--json", "--help", "Exit codes: 0"]) expect(out).toContain(part);
});
