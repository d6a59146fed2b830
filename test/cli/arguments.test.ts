import { describe, expect, test } from "vitest";
import tasks from "../../deno.json" with { type: "json" };
import { oneOf, readArguments, wholeNumber } from "../../src/cli/arguments.ts";
import { run } from "../support/process.ts";

const SECRET = "Kx7-plover-Quince";
const COMMAND_LINE = {
  options: { port: { type: "string", default: "9000" }, name: { type: "string" }, json: { type: "boolean" } },
  help: () => "the page",
  read: (values: { readonly port: string; readonly name: string | undefined; readonly json: boolean }) => ({
    ...values,
    port: wholeNumber("--port", values.port, { min: 1, max: 65_535 }),
  }),
} as const;
const OPTIONS = "expected --port <value>, --name <value>, --json or --help";

describe("readArguments()", () => {
  test.each([
    [[], { port: 9000, json: false }],
    [["--port", "1", "--json"], { port: 1, json: true }],
    [["--port=2", "--name=-x"], { port: 2, name: "-x", json: false }],
    [["--port", "1", "--port", "3"], { port: 3, json: false }],
  ])("reads %j", (args, command) => {
    expect(readArguments(args, COMMAND_LINE)).toEqual({ kind: "run", command });
  });

  test.each([[["--help"]], [["--json", "--help"]], [["--port", "none", "--help"]]])(
    "returns the help for %j",
    (args) => {
      expect(readArguments(args, COMMAND_LINE)).toEqual({ kind: "help", page: "the page" });
    },
  );

  test.each([
    [[`--secret=${SECRET}`], `${OPTIONS}, got "--secret"`],
    [["-j"], `${OPTIONS}, got "-j"`],
    [[SECRET], `${OPTIONS}, got another argument`],
    [["--", SECRET], `${OPTIONS}, got another argument`],
    [["--json", SECRET], `${OPTIONS}, got another argument`],
    [["--__proto__", "x"], `${OPTIONS}, got "--__proto__"`],
    [["--json=yes"], "--json: expected no value, got one"],
    [["--port"], "--port: expected a value, got none"],
    [["--port="], "--port: expected a value, got none"],
    [["--port", "--json"], "--port: expected a value, got none"],
    [["--port", "0"], '--port: expected a whole number from 1 to 65535, got "0"'],
    [["--port", "1e3"], '--port: expected a whole number from 1 to 65535, got "1e3"'],
  ])("rejects %j in one line, without the value of an unknown argument", (args, problem) => {
    expect(readArguments(args, COMMAND_LINE)).toEqual({ kind: "invalid", problem });
  });

  test("rejects any argument of a command without options", () => {
    expect(readArguments(["x"], { options: {}, help: () => "", read: () => 1 })).toEqual({
      kind: "invalid",
      problem: "expected --help or no arguments, got another argument",
    });
  });
});

test("oneOf() names the option and the accepted values", () => {
  expect(oneOf(["a", "b"], "--letter", "b")).toBe("b");
  expect(() => oneOf(["a", "b"], "--letter", "c")).toThrow('--letter: expected one of a, b, got "c"');
});

describe.concurrent.each(
  [
    "start",
    "dev",
    "demo",
    "doctor",
    "sandbox",
    "soak",
    "chaos",
    "bench",
    "conformance",
    "fuzz",
    "docs",
    "breaking",
  ] as const,
)("deno task %s", (name) => {
  const [, ...command] = tasks.tasks[name].command.split(" ");

  test("prints its help, and one line with exit code 2 for an unknown option or argument", async () => {
    expect(await run([...command, "--help"], {})).toMatchObject({ code: 0, stdout: expect.stringContaining("--help") });
    for (const argument of ["--nope", "nope"]) {
      const { code, stdout, stderr } = await run([...command, argument], {});
      expect({ code, stdout, lines: stderr.trim().split("\n") }).toEqual({
        code: 2,
        stdout: "",
        lines: [expect.stringMatching(/^expected .*--help.*, got ("--nope"|another argument)$/)],
      });
    }
  });
});
