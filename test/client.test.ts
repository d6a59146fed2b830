import { Code, ConnectError } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import net from "node:net";
import { expect, test } from "vitest";
import { createRefundClient, failureOf } from "../src/client.ts";
import { FailureReason } from "../src/gen/daxpay/refundsync/v1/sync_failure_pb.ts";
import { acceleratedClock, startService } from "./support/service.ts";

/** Each transport, and the address of the service that it goes to. */
const LINES = {
  "Connect over fetch": { to: "http", client: (baseUrl: string) => createRefundClient({ baseUrl }) },
  "gRPC-Web over fetch": {
    to: "http",
    client: (baseUrl: string) => createRefundClient({ baseUrl, protocol: "grpc-web" }),
  },
  "gRPC": {
    to: "grpc",
    client: (baseUrl: string) => createRefundClient({ transport: createGrpcTransport({ baseUrl }) }),
  },
  "Connect over node": {
    to: "http",
    client: (baseUrl: string) =>
      createRefundClient({ transport: createConnectTransport({ baseUrl, httpVersion: "1.1" }) }),
  },
} as const;

/** A line to the service that can be cut like a cable. */
async function openLine(target: string, at: number) {
  const { port } = new URL(target);
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    const inner = net.connect(Number(port), "127.0.0.1");
    for (const end of [socket, inner]) {
      sockets.add(end);
      end.on("close", () => sockets.delete(end));
    }
    socket.pipe(inner).pipe(socket);
    socket.on("error", () => inner.destroy());
    inner.on("error", () => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(at, "127.0.0.1", () => resolve()));
  const cut = () => sockets.forEach((socket) => socket.resetAndDestroy());
  return {
    url: `http://127.0.0.1:${(server.address() as net.AddressInfo).port}`,
    cut,
    close() {
      server.close();
      cut();
    },
  };
}

test("speaks Connect and gRPC-Web over fetch, and any transport that it is given", async () => {
  await using service = await startService({ sandbox: { release: "2.0.8" } });
  for (
    const client of [
      createRefundClient({ baseUrl: service.http }),
      createRefundClient({ baseUrl: service.http, protocol: "grpc-web" }),
      createRefundClient({ transport: createGrpcTransport({ baseUrl: service.grpc }) }),
    ]
  ) {
    const refund = await client.syncRefund({ refundNo: "R-SUCCEEDS" });
    expect([refund.daxpayStatus, refund.final]).toEqual(["refund_success", true]);
    const results = [];
    for await (const { index } of client.batchSyncRefunds([{ refundNo: "LOAD-1" }, { refundNo: "" }])) {
      results.push(index);
    }
    expect(results.sort()).toEqual([0, 1]);
  }
});

test("tells what a failure means", async () => {
  await using service = await startService({ sandbox: { release: "2.0.8" } });
  const client = createRefundClient({ baseUrl: service.http });
  const error = await client.syncRefund({ refundNo: "R-UNKNOWN" }).catch((error) => error);
  expect(failureOf(error)?.reason).toBe(FailureReason.REFUND_NOT_FOUND);
  expect(failureOf(new Error("x"))).toBeUndefined();
});

test("repeats what was not sent, after the wait that the service asks for, and nothing else", async () => {
  await using service = await startService({ sandbox: { release: "2.0.8" }, dependencies: acceleratedClock(100) });
  const client = createRefundClient({ baseUrl: service.http, timeoutMs: 60_000 });
  // Five repetitions by the service do not outlast it, a sixth request by the client does.
  service.sandbox.setFault("unknown-code", { refundNo: "LOAD-1", code: 10007, text: "x", times: 6 });
  const start = Date.now();
  expect((await client.syncRefund({ refundNo: "LOAD-1" })).daxpayStatus).toBe("refund_success");
  expect(Date.now() - start).toBeGreaterThanOrEqual(1000);
  const heard = service.sandbox.requests.length;
  expect(heard).toBe(7);
  await expect(client.syncRefund({ refundNo: "FAULT-RESET" })).rejects.toMatchObject({ code: Code.Unavailable });
  expect(service.sandbox.requests.length).toBe(heard + 1);
});

test("never waits beyond its deadline", async () => {
  await using service = await startService({ sandbox: { release: "2.0.8" } });
  service.sandbox.setFault("unknown-code", { refundNo: "LOAD-1", code: 10007, text: "x" });
  const client = createRefundClient({ baseUrl: service.http, timeoutMs: 1_500 });
  const error = await client.syncRefund({ refundNo: "LOAD-1" }).catch((error) => error);
  expect(failureOf(error)?.reason).toBe(FailureReason.SYNC_IN_PROGRESS);
});

test("finds a service that comes up while it repeats", async () => {
  await using service = await startService({ sandbox: { release: "2.0.8" } });
  const port = await freePort();
  const client = createRefundClient({ baseUrl: `http://127.0.0.1:${port}` });
  const answer = client.syncRefund({ refundNo: "R-SUCCEEDS" });
  answer.catch(() => {});
  await new Promise((resolve) => setTimeout(resolve, 100));
  const line = await openLine(service.http, port);
  try {
    expect((await answer).daxpayStatus).toBe("refund_success");
  } finally {
    line.close();
  }
});

test.each(Object.entries(LINES))("a watch outlives a broken line and says so: %s", async (_, { to, client: make }) => {
  await using service = await startService({ sandbox: { release: "2.0.8" }, dependencies: acceleratedClock(5) });
  const line = await openLine(service[to], 0);
  const client = make(line.url);
  const losses: string[] = [];
  const words: string[] = [];
  const onReconnect = (error: ConnectError) => losses.push(Code[error.code]);
  for await (const { outcome } of client.watchUntilFinal({ refundNo: "WAIT1-lost" }, { onReconnect })) {
    if (outcome.case === "refund") words.push(outcome.value.daxpayStatus);
    if (words.length === 1) line.cut();
  }
  line.close();
  expect(losses.length).toBe(1);
  expect([words[0], words.at(-1)]).toEqual(["refund_progress", "refund_success"]);
});

test("a watch ends with a failure that repeating will not help, and with its caller", async () => {
  await using service = await startService({ sandbox: { release: "2.0.8" } });
  const client = createRefundClient({ baseUrl: service.http });
  const read = async (refundNo: string, signal?: AbortSignal) => {
    for await (const _ of client.watchUntilFinal({ refundNo }, { signal })) { /* goes on */ }
  };
  await expect(read("R-UNKNOWN")).rejects.toMatchObject({ code: Code.NotFound });
  const leave = new AbortController();
  const watch = read("R-WAITS", leave.signal);
  await expect.poll(() => service.app.stats().watchers).toBe(1);
  leave.abort();
  await expect(watch).rejects.toMatchObject({ code: Code.Canceled });
  await expect.poll(() => service.app.stats().watchers).toBe(0);
});

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as net.AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
