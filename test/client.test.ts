import net from "node:net";
import { Code, ConnectError, createRouterTransport, type Transport } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { createRefundClient, failureOf, isConnectionError, type RefundClient } from "../src/client.ts";
import { DaxPayFailure, type FailureOptions, type Reason } from "../src/daxpay/failure.ts";
import { RefundStatus } from "../src/gen/daxpay/refundsync/v1/refund_pb.ts";
import { RefundSyncService } from "../src/gen/daxpay/refundsync/v1/refund_sync_pb.ts";
import { FailureReason } from "../src/gen/daxpay/refundsync/v1/sync_failure_pb.ts";
import { connectErrorFrom, invalidRequestError, shuttingDownError } from "../src/service/errors.ts";
import { errorOf, errorOutcome } from "./support/outcome.ts";
import { createProxy } from "./support/tcp-proxy.ts";
import { TRANSPORTS } from "./support/client-transports.ts";
import { acceleratedClock, startService } from "./support/service.ts";

/** A service whose unary calls fail with the errors in turn and then succeed; without a socket. */
function scripted(errors: readonly ConnectError[]) {
  const calls: { readonly at: number; readonly timeoutMs: number | undefined }[] = [];
  const transport: Transport = createRouterTransport(({ service }) => {
    service(RefundSyncService, {
      syncRefund(_request, context) {
        const error = errors[calls.length];
        calls.push({ at: performance.now(), timeoutMs: context.timeoutMs() });
        if (error) throw error;
        return { refund: { status: RefundStatus.SUCCEEDED, final: true } };
      },
    });
  });
  return { transport, calls };
}

const failure = (reason: Reason, options: FailureOptions = {}) =>
  connectErrorFrom(new DaxPayFailure(reason, "x", { retryDelayMs: 20, ...options }));

describe("createRefundClient()", () => {
  test.each(Object.entries(TRANSPORTS))("calls every method over %s", async (_name, { to, client: create }) => {
    await using service = await startService({ sandbox: { release: "2.0.8" } });
    const client = create(service[to]);
    expect(await client.syncRefund({ refundNo: "R-SUCCEEDS" })).toMatchObject({ daxpayStatus: "success", final: true });
    const results = await Array.fromAsync(client.batchSyncRefunds([{ refundNo: "LOAD-1" }, { refundNo: "" }]));
    expect(results.toSorted((one, other) => one.index - other.index)).toMatchObject([
      { index: 0, outcome: { case: "refund" } },
      { index: 1, outcome: { case: "failure" } },
    ]);
    const attempts = await Array.fromAsync(client.watchUntilFinal({ refundNo: "LOAD-2" }));
    expect(attempts).toMatchObject([{ attempt: 1, outcome: { case: "refund", value: { final: true } } }]);
  });

  test("sends the current token with every call", async () => {
    const seen: (string | null)[] = [];
    const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, ({ headers }) => {
      seen.push(headers.get("authorization"));
      return new Response(null, { status: 401 });
    });
    let token = "one";
    const client = createRefundClient({ baseUrl: `http://127.0.0.1:${server.addr.port}`, token: () => token });
    await errorOf(client.syncRefund({ refundNo: "R1" }));
    token = "two";
    await errorOf(client.syncRefund({ refundNo: "R1" }));
    await server.shutdown();
    expect(seen).toEqual(["Bearer one", "Bearer two"]);
  });
});

describe("failureOf()", () => {
  test("returns the SyncFailure of an error of the service", async () => {
    await using service = await startService({ sandbox: { release: "2.0.8" } });
    const error = await errorOf(createRefundClient({ baseUrl: service.http }).syncRefund({ refundNo: "R-UNKNOWN" }));
    expect(failureOf(error)).toMatchObject({ reason: FailureReason.REFUND_NOT_FOUND });
  });

  test("returns nothing for any other error", () => {
    expect(failureOf(new Error("x"))).toBeUndefined();
    expect(failureOf(new ConnectError("x", Code.Unavailable))).toBeUndefined();
  });
});

describe("isConnectionError()", () => {
  test.each<[string, unknown, boolean]>([
    ["SHUTTING_DOWN", shuttingDownError(), true],
    ["unavailable without a SyncFailure, as from a proxy", new ConnectError("x", Code.Unavailable), true],
    ["a broken connection that a transport calls unknown", new ConnectError("x", Code.Unknown), true],
    ["a TypeError of fetch", new TypeError("error sending request"), true],
    ["CHANNEL_FAILED", failure("CHANNEL_FAILED"), false],
    ["UPSTREAM_UNREACHABLE, whose connection is another", failure("UPSTREAM_UNREACHABLE"), false],
    ["unauthenticated", new ConnectError("x", Code.Unauthenticated), false],
    ["deadline_exceeded", new ConnectError("x", Code.DeadlineExceeded), false],
  ])("of %s is %s", (_what, error, expected) => {
    expect(isConnectionError(error)).toBe(expected);
  });
});

describe("syncRefund() retries", () => {
  test.each([
    ["UPSTREAM_UNREACHABLE", failure("UPSTREAM_UNREACHABLE")],
    ["SYNC_IN_PROGRESS", failure("SYNC_IN_PROGRESS")],
    ["RATE_LIMITED", failure("RATE_LIMITED")],
    ["CIRCUIT_OPEN", failure("CIRCUIT_OPEN")],
    ["a query that timed out", failure("UPSTREAM_TIMEOUT", { step: "QUERY", delivery: "NOT_SENT" })],
    ["a broken connection", new ConnectError("x", Code.Unavailable)],
  ])("%s", async (_what, error) => {
    const { transport, calls } = scripted([error]);
    expect(await createRefundClient({ transport }).syncRefund({ refundNo: "R1" })).toMatchObject({ final: true });
    expect(calls).toHaveLength(2);
    expect(calls[1].at - calls[0].at).toBeGreaterThanOrEqual(19);
  });

  test.each([
    ["CHANNEL_FAILED", failure("CHANNEL_FAILED")],
    ["UPSTREAM_ERROR", failure("UPSTREAM_ERROR")],
    ["a sync that timed out", failure("UPSTREAM_TIMEOUT", { step: "SYNC" })],
    ["REPLY_INTERRUPTED", failure("REPLY_INTERRUPTED")],
    ["SYNC_IN_DOUBT", failure("SYNC_IN_DOUBT")],
    ["an invalid request", invalidRequestError([{ field: "refund_no", description: "expected x" }])],
    ["an error without a SyncFailure", new ConnectError("x", Code.PermissionDenied)],
  ])("not %s", async (_what, error) => {
    const { transport, calls } = scripted([error]);
    await expect(createRefundClient({ transport }).syncRefund({ refundNo: "R1" })).rejects.toMatchObject({
      code: error.code,
    });
    expect(calls).toHaveLength(1);
  });

  test.each([[undefined, 3], [0, 0], [1, 1]])("with maxRetries %s at most %d times", async (maxRetries, expected) => {
    const { transport, calls } = scripted(Array.from({ length: 9 }, () => failure("CIRCUIT_OPEN")));
    const options = maxRetries === undefined ? { transport } : { transport, maxRetries };
    const error = await errorOf(createRefundClient(options).syncRefund({ refundNo: "R1" }));
    expect(errorOutcome(error)).toMatchObject({ reason: "CIRCUIT_OPEN" });
    expect(calls).toHaveLength(expected + 1);
  });

  test("another replica when one is shutting down", async () => {
    const { transport, calls } = scripted([shuttingDownError()]);
    expect(await createRefundClient({ transport }).syncRefund({ refundNo: "R1" })).toMatchObject({ final: true });
    expect(calls).toHaveLength(2);
  });

  test("only while time is left, with the rest of it as the deadline", async () => {
    const late = scripted([failure("SYNC_IN_PROGRESS", { retryDelayMs: 5_000 })]);
    const error = await errorOf(
      createRefundClient({ transport: late.transport, timeoutMs: 1_500 }).syncRefund({ refundNo: "R1" }),
    );
    expect(errorOutcome(error)).toMatchObject({ reason: "SYNC_IN_PROGRESS" });
    const early = scripted([failure("SYNC_IN_PROGRESS", { retryDelayMs: 200 })]);
    await createRefundClient({ transport: early.transport }).syncRefund({ refundNo: "R1" }, { timeoutMs: 1_500 });
    const [first, second] = early.calls.map(({ timeoutMs }) => timeoutMs ?? Infinity);
    expect(first).toBeLessThanOrEqual(1_500);
    expect(second).toBeLessThanOrEqual(1_310);
  });

  test("no more once its caller has left", async () => {
    const { transport, calls } = scripted([failure("CIRCUIT_OPEN", { retryDelayMs: 60_000 })]);
    const leave = new AbortController();
    const call = createRefundClient({ transport, timeoutMs: 600_000 })
      .syncRefund({ refundNo: "R1" }, { signal: leave.signal });
    const error = errorOf(call);
    await expect.poll(() => calls.length).toBe(1);
    leave.abort();
    expect(await error).toMatchObject({ code: Code.Canceled });
    expect(calls).toHaveLength(1);
  });

  test("until a service that starts meanwhile answers", async () => {
    await using service = await startService({ sandbox: { release: "2.0.8" } });
    const port = await freePort();
    const call = createRefundClient({ baseUrl: `http://127.0.0.1:${port}`, maxRetries: 9 })
      .syncRefund({ refundNo: "R-SUCCEEDS" });
    call.catch(() => {});
    // The first attempt finds nobody.
    await expect(fetch(`http://127.0.0.1:${port}`)).rejects.toThrow(TypeError);
    using _proxy = await createProxy(service.http, port);
    expect(await call).toMatchObject({ status: RefundStatus.SUCCEEDED });
  });

  test("a held lock of DaxPay beyond the service's own retries, and sends no sync too many", async () => {
    await using service = await startService({ sandbox: { release: "2.0.6" }, dependencies: acceleratedClock(100) });
    const { sandbox } = service;
    // The service makes six attempts.
    sandbox.setFault("unknown-code", { refundNo: "LOAD-1", code: 10007, text: "x", times: 6 });
    const client = createRefundClient({ baseUrl: service.http, timeoutMs: 60_000 });
    expect(await client.syncRefund({ refundNo: "LOAD-1" })).toMatchObject({ daxpayStatus: "refund_success" });
    expect(sandbox.requests).toHaveLength(7);
    await errorOf(client.syncRefund({ refundNo: "FAULT-RESET" }));
    expect(sandbox.requests).toHaveLength(8);
  });
});

describe("watchUntilFinal()", () => {
  /** Reads to the end. */
  const read = async (client: RefundClient, refundNo: string, signal?: AbortSignal) =>
    await Array.fromAsync(client.watchUntilFinal({ refundNo }, signal ? { signal } : {}));

  test.each(Object.entries(TRANSPORTS))(
    "reconnects when the connection breaks over %s",
    async (_name, { to, client }) => {
      await using service = await startService({ sandbox: { release: "2.0.8" }, dependencies: acceleratedClock(20) });
      using proxy = await createProxy(service[to]);
      const errors: ConnectError[] = [];
      const statuses: RefundStatus[] = [];
      const watch = client(proxy.url).watchUntilFinal({ refundNo: "WAIT1-broken" }, {
        onReconnect: (error) => errors.push(error),
      });
      for await (const { outcome } of watch) {
        if (outcome.case === "refund") statuses.push(outcome.value.status);
        if (statuses.length === 1) proxy.reset();
      }
      expect(errors).toHaveLength(1);
      expect(isConnectionError(errors[0])).toBe(true);
      expect(statuses[0]).toBe(RefundStatus.IN_PROGRESS);
      expect(statuses.at(-1)).toBe(RefundStatus.SUCCEEDED);
    },
  );

  test("reconnects when the service shuts down, after the delay that it asks for", async () => {
    const first = await startService({ sandbox: { release: "2.0.8" } });
    await using second = await startService({ sandbox: { release: "2.0.8" } });
    const port = await freePort();
    const before = await createProxy(first.http, port);
    const reconnects: { readonly reason: FailureReason | undefined; readonly delayMs: number }[] = [];
    const watch = createRefundClient({ baseUrl: before.url }).watchUntilFinal({ refundNo: "R-WAITS-1" }, {
      onReconnect: (error, delayMs) => reconnects.push({ reason: failureOf(error)?.reason, delayMs }),
    })[Symbol.asyncIterator]();
    expect(await watch.next()).toMatchObject({ value: { outcome: { value: { status: RefundStatus.IN_PROGRESS } } } });
    const next = watch.next();
    await first[Symbol.asyncDispose]();
    await expect.poll(() => reconnects).toMatchObject([{ reason: FailureReason.SHUTTING_DOWN }]);
    before[Symbol.dispose]();
    using _after = await createProxy(second.http, port);
    // The other replica starts the watch anew.
    expect(await next).toMatchObject({ value: { attempt: 1, outcome: { case: "refund" } } });
    expect(reconnects[0].delayMs).toBeGreaterThanOrEqual(1_000);
    await watch.return?.();
  });

  test("ends with a failure that is not retryable", async () => {
    await using service = await startService({ sandbox: { release: "2.0.8" } });
    const error = await errorOf(read(createRefundClient({ baseUrl: service.http }), "R-UNKNOWN"));
    expect(errorOutcome(error)).toMatchObject({ code: "not_found", reason: "REFUND_NOT_FOUND" });
  });

  test("ends as canceled with its caller, and frees the watch", async () => {
    await using service = await startService({ sandbox: { release: "2.0.8" } });
    const leave = new AbortController();
    const error = errorOf(read(createRefundClient({ baseUrl: service.http }), "R-WAITS", leave.signal));
    await expect.poll(() => service.app.stats().watchers).toBe(1);
    leave.abort();
    expect(await error).toMatchObject({ code: Code.Canceled });
    await expect.poll(() => service.app.stats().watchers).toBe(0);
  });

  test("ends when its reader stops, and frees the watch", async () => {
    await using service = await startService({ sandbox: { release: "2.0.8" } });
    const client = createRefundClient({ baseUrl: service.http });
    for await (const _ of client.watchUntilFinal({ refundNo: "R-WAITS" })) break;
    await expect.poll(() => service.app.stats().watchers).toBe(0);
  });

  test("ends with deadline_exceeded at its timeout", async () => {
    await using service = await startService({ sandbox: { release: "2.0.8" } });
    const watch = createRefundClient({ baseUrl: service.http })
      .watchUntilFinal({ refundNo: "R-WAITS" }, { timeoutMs: 300 });
    expect(await errorOf(Array.fromAsync(watch))).toMatchObject({ code: Code.DeadlineExceeded });
  });
});

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as net.AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
