import { spawnSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { run, START, startProcess } from "../support/process.ts";

const DOCTOR = ["run", "-P=doctor", "src/cli/doctor.ts"];
const DEV = ["run", "-P=dev", "src/cli/dev.ts"];
const VARIABLES = { DAXPAY_URL: "http://127.0.0.1:9", DAXPAY_RELEASE: "2.0.8", DAXPAY_SIGN_SECRET: "123456" };

describe("loadConfigOrExit()", () => {
  test.each([["start", START], ["doctor", DOCTOR], ["dev", DEV]])(
    "finds a misspelt name in the environment of %s, and exits with 2",
    async (_name, command) => {
      const { code, stderr } = await run(command, { ...VARIABLES, PORT: "0", GRPC_PORT: "0", DAXPAY_QUREY: "only" });
      expect({ code, problems: stderr.split("\n").slice(0, 2) }).toEqual({
        code: 2,
        problems: [
          "Invalid configuration, 1 problem:",
          "- DAXPAY_QUREY: expected a variable of this service, got an unknown one; the nearest is DAXPAY_QUERY",
        ],
      });
    },
  );

  test("warns of a name that may be another program's, and starts", async () => {
    await using service = await startProcess({ variables: { ...VARIABLES, MAX_THREADS: "8", AUTH_SCOPES: "" } });
    expect(service.errors()).toEqual([expect.stringMatching(/^Warning: MAX_THREADS: /)]);
  });

  test("exits with 2 for a secret in a pipe, rather than wait for its writer", async () => {
    const pipe = path.join(mkdtempSync(path.join(tmpdir(), "load-")), "pipe");
    expect(spawnSync("mkfifo", [pipe]).status).toBe(0);
    const { DAXPAY_SIGN_SECRET: _, ...others } = VARIABLES;
    const { code, stderr } = await run(START, { ...others, DAXPAY_SIGN_SECRET_FILE: pipe });
    expect({ code, stderr }).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(
        `- DAXPAY_SIGN_SECRET_FILE: cannot read "${pipe}": expected a regular file, got a pipe or device`,
      ),
    });
  });
});
