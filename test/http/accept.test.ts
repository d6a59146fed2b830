import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import process from "node:process";
import { expect, onTestFinished, test } from "vitest";
import { countFreeDescriptors } from "../../src/http/descriptors.ts";
import { PREFACE } from "../hardening/frame.ts";
import { answers } from "../support/answers.ts";
import { startProcess } from "../support/process.ts";

/** Runs a command, its further arguments, with few file descriptors. */
const LIMITED = ["bash", "-c", 'ulimit -n 128 && exec "$@"', "bash"] as const;

test("listen() accepts connections on both ports again after file descriptors ran out", async () => {
  const script = path.join(import.meta.dirname ?? "", "exhausted.ts");
  const child = spawn(LIMITED[0], [...LIMITED.slice(1), Deno.execPath(), "run", "-A", script]);
  onTestFinished(() => void child.kill());
  // Shows why, should the child end before its time.
  child.stderr.pipe(process.stderr);
  const [http, grpc] = String((await once(child.stdout, "data"))[0]).split(" ").map(Number);
  const served = () => Promise.all([answers(http, "GET / HTTP/1.1\r\nhost: x\r\n\r\n"), answers(grpc, PREFACE)]);
  await expect.poll(served).toEqual([true, true]);

  child.stdin.write("take\n");
  await once(child.stdout, "data");
  await expect.poll(served).toEqual([false, false]);
  child.stdin.write("return\n");
  await expect.poll(served).toEqual([true, true]);
});

test("countFreeDescriptors() counts what the process can still open, and leaves it free", () => {
  const file = import.meta.filename ?? "";
  expect([countFreeDescriptors(file, 20), countFreeDescriptors(file, 20)]).toEqual([20, 20]);
  expect(() => countFreeDescriptors(`${file}.none`, 20)).toThrow("ENOENT");
});

test("createApp() lowers MAX_CONNECTIONS to what the limit of open files allows, and says so", async () => {
  await using service = await startProcess({
    command: [...LIMITED, Deno.execPath()],
    variables: { DAXPAY_URL: "http://127.0.0.1:9", MAX_CONNECTIONS: "500" },
  });
  const warning = await service.line(({ message }) => message.startsWith("The limit of open files"));
  expect(warning).toMatchObject({ level: "WARN", properties: { maxConnections: 500 } });
  expect(warning.properties.connections).toBeLessThan(128);
});
