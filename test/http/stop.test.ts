import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { expect, test } from "vitest";
import { callSync, callWatch, PREFACE, type Watched, watchFrames } from "../hardening/frame.ts";
import { startService } from "../support/service.ts";

/** A client that sees every frame. */
async function open(url: string): Promise<Watched & { socket: Socket }> {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  await once(socket, "connect");
  const watched = watchFrames(socket);
  socket.write(PREFACE);
  return { socket, ...watched };
}

test("App.close() sends GOAWAY at once to a client with a call in flight, and answers the call", async () => {
  await using service = await startService();
  service.sandbox.setFault("slow", { refundNo: "LOAD-1", delayMs: 300 });
  const { socket, seen } = await open(service.grpc);
  socket.write(callSync(1, "LOAD-1"));
  await expect.poll(() => service.sandbox.requests.length).toBe(1);
  const closed = service.app.close();
  await expect.poll(() => seen, { interval: 5 }).toEqual(["goaway 1"]);
  await closed;
  await expect.poll(() => seen).toEqual(["goaway 1", "end 1", "close"]);
});

test("App.close() sends GOAWAY to an idle client with its next call, which is answered", async () => {
  await using service = await startService();
  service.sandbox.setFault("slow", { refundNo: "LOAD-1", delayMs: 300 });
  const [busy, idle, silent] = await Promise.all([open(service.grpc), open(service.grpc), open(service.grpc)]);
  for (const { socket, seen } of [idle, silent]) {
    socket.write(callSync(1, "LOAD-2"));
    await expect.poll(() => seen).toEqual(["end 1"]);
  }
  busy.socket.write(callSync(1, "LOAD-1"));
  await expect.poll(() => service.sandbox.requests.length).toBe(3);
  const closed = service.app.close();
  await expect.poll(() => busy.seen, { interval: 5 }).toEqual(["goaway 1"]);
  idle.socket.write(callSync(3, "LOAD-3"));
  await closed;
  await expect.poll(() => idle.seen).toEqual(["end 1", "goaway 3", "end 3", "close"]);
  // A GOAWAY would crash a client that runs on Deno 2.9.6.
  await expect.poll(() => silent.seen).toEqual(["end 1", "close"]);
});

test("App.close() rejects new watches at once, and all calls after STOP_TIMEOUT_MS", async () => {
  await using service = await startService({ variables: { STOP_TIMEOUT_MS: "300" } });
  service.sandbox.setFault("hang", { refundNo: "LOAD-1" });
  const [busy, watching, late] = await Promise.all([open(service.grpc), open(service.grpc), open(service.grpc)]);
  busy.socket.write(callSync(1, "LOAD-1"));
  await expect.poll(() => service.sandbox.requests.length).toBe(1);
  const closed = service.app.close();
  await expect.poll(() => busy.seen, { interval: 5 }).toEqual(["goaway 1"]);
  watching.socket.write(callWatch(1, "LOAD-2"));
  await expect.poll(() => busy.seen, { interval: 5 }).toEqual(["goaway 1", "end 1"]);
  late.socket.write(callSync(1, "LOAD-3"));
  await closed;
  for (const { seen, said } of [busy, watching, late]) {
    await expect.poll(() => seen).toEqual(["goaway 1", "end 1", "close"]);
    expect(said()).toMatch(
      /"code":"unavailable","message":"The service is shutting down","details":\[.*"google.rpc.RetryInfo"/,
    );
  }
  expect(service.sandbox.requests).toHaveLength(1);
});
