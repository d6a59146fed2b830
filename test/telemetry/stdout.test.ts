import path from "node:path";
import { describe, expect, test } from "vitest";
import { startService } from "../support/service.ts";

const ROOT = path.resolve(import.meta.dirname ?? "", "../..");

/** What a script may use. */
const PRELUDE = `
  import { getLogger } from "@logtape/logtape";
  import { startLog } from "./src/telemetry/log.ts";
  const log = await startLog({ level: "info", format: "json" });
  const logger = getLogger("refundsync");
  const input = Deno.stdin.readable.getReader();
`;

/** A process that logs, whose standard output nobody reads yet. */
function startScript(script: string) {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", PRELUDE + script],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const errors = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
  const input = child.stdin.getWriter();
  return {
    child,
    /** What it next writes to standard error, as JSON. */
    said: async () => JSON.parse((await errors.read()).value ?? "null"),
    resume: () => input.write(new Uint8Array(1)),
    /** Reads standard output from now on. */
    read() {
      let text = "";
      const ended = child.stdout.pipeThrough(new TextDecoderStream())
        .pipeTo(new WritableStream({ write: (piece) => void (text += piece) }));
      return { ended, lines: () => text.split("\n").slice(0, -1).map((line) => JSON.parse(line)) };
    },
  };
}

describe("createStdoutWriter()", () => {
  test("drops lines rather than waits while nobody reads, and logs how many once somebody does", async () => {
    const script = startScript(`
      const start = performance.now();
      for (let n = 0; n < 20_000; n++) logger.info("{n}", { n });
      console.error(JSON.stringify({ ms: performance.now() - start, dropped: log.dropped() }));
      await input.read();
      logger.info("{n}", { n: "last" });
      Deno.exit(0);
    `);
    const { ms, dropped } = await script.said();
    expect(dropped).toBeGreaterThan(1000);
    expect(ms).toBeLessThan(5000);
    const kept = 20_000 - dropped;
    const output = script.read();
    await expect.poll(() => output.lines().length).toBe(kept + 1);
    await script.resume();
    await output.ended;
    const numbers = output.lines().slice(0, kept).map(({ properties }) => properties.n);
    expect(numbers).toEqual(Array.from({ length: kept }, (_, n) => n));
    expect(output.lines().slice(kept)).toMatchObject([
      { level: "WARN", properties: { count: dropped } },
      { level: "INFO", properties: { n: "last" } },
    ]);
  });

  test("exits within two seconds while nobody reads", async () => {
    const script = startScript(`
      for (let n = 0; n < 2_000; n++) logger.info("{n}", { n });
      console.error(Date.now());
      Deno.exit(0);
    `);
    const exiting = await script.said();
    expect(await script.child.status).toMatchObject({ code: 0 });
    expect(Date.now() - exiting).toBeLessThan(2000);
    await script.child.stdout.cancel();
  });

  test("writes lines longer than a pipe holds completely", async () => {
    const script = startScript(`
      for (let n = 0; n < 5; n++) logger.info("退款 {n}", { n, padding: "款".repeat(60_000) });
      Deno.exit(0);
    `);
    const output = script.read();
    await output.ended;
    expect(output.lines().map(({ message }) => message)).toEqual([0, 1, 2, 3, 4].map((n) => `退款 ${n}`));
  });

  test("counts the lines that a closed standard output does not take", async () => {
    const script = startScript(`
      await input.read();
      for (let n = 0; n < 100; n++) logger.info("{n}", { n });
      while (log.dropped() < 100) await new Promise((resolve) => setTimeout(resolve, 10));
      console.error(log.dropped());
    `);
    await script.child.stdout.cancel();
    await script.resume();
    expect(await script.said()).toBe(100);
    expect(await script.child.status).toMatchObject({ code: 0 });
  });
});

test("/metrics counts dropped log lines", async () => {
  await using service = await startService({ dependencies: { droppedLogLines: () => 7 } });
  expect(await (await fetch(`${service.http}/metrics`)).text()).toContain("\nrefundsync_log_dropped_total 7");
});
