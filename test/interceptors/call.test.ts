import { create } from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  createHandlerContext,
  type StreamRequest,
  type StreamResponse,
  type UnaryRequest,
} from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import {
  RefundSyncService,
  WatchRefundRequestSchema,
  WatchRefundResponseSchema,
} from "../../src/gen/daxpay/refundsync/v1/refund_sync_pb.ts";
import { type CallResult, createCalls, type MessageFields } from "../../src/interceptors/call.ts";

const { watchRefund } = RefundSyncService.method;
const answer = (attempt: number) => create(WatchRefundResponseSchema, { attempt });

/** Notes the refund number of each request and the attempt of each response. */
const logFieldsOf = (fields: Record<string, unknown>): MessageFields => ({
  request: (message) => Object.assign(fields, { refundNo: "refundNo" in message ? message.refundNo : undefined }),
  response: (message) => Object.assign(fields, { attempt: "attempt" in message ? message.attempt : undefined }),
});

/** A call at its gate, and how calls end. */
function open() {
  const results: (CallResult & { readonly fields: unknown })[] = [];
  const calls = createCalls({
    elapsed: () => performance.now(),
    generateRequestId: () => "id",
    async authenticate({ authorization }) {
      if (authorization === null) throw new ConnectError("who?", Code.Unauthenticated);
      return await Promise.resolve({ name: "shop", metricsOnly: false, accounts: undefined, valid: () => true });
    },
    clientCertNameOf: () => undefined,
    open: [],
    observers: [{ onEnd: (call, result) => results.push({ ...result, fields: { ...call.logFields } }) }],
    logFieldsOf,
    failureLabels: ({ rawMessage }) => ({ reason: rawMessage.toUpperCase(), logFields: {} }),
  });
  const context = createHandlerContext({
    service: RefundSyncService,
    method: watchRefund,
    protocolName: "grpc",
    requestMethod: "POST",
    url: "http://localhost/",
  });
  return { calls, context, results };
}

/** Starts a stream of what the given generator yields. */
async function serve(make: (inside: () => boolean) => AsyncGenerator<ReturnType<typeof answer>>) {
  const { calls, context, results } = open();
  context.requestHeader.set("authorization", "Bearer x");
  await calls.gate(context);
  const request: StreamRequest = {
    stream: true,
    service: RefundSyncService,
    method: watchRefund,
    requestMethod: "POST",
    url: context.url,
    signal: context.signal,
    header: context.requestHeader,
    contextValues: context.values,
    message: (async function* () {
      yield create(WatchRefundRequestSchema, { refundNo: "R1" });
    })(),
  };
  const inside = () => calls.current()?.logFields.refundNo === "R1" && calls.current()?.caller === "shop";
  const next = async (request: StreamRequest | UnaryRequest): Promise<StreamResponse> => {
    if (!request.stream) throw new TypeError("expected a stream");
    for await (const _ of request.message);
    const { service, header } = request;
    return { stream: true, service, method: watchRefund, header, trailer: new Headers(), message: make(inside) };
  };
  const response = await calls.interceptor(next)(request);
  if (!response.stream) throw new TypeError("expected a stream");
  return { calls, context, results, messages: response.message[Symbol.asyncIterator]() };
}

describe("createCalls()", () => {
  test("runs the implementation of a stream within its call, and ends the call with the last message", async () => {
    const inCall: boolean[] = [];
    const { calls, context, results, messages } = await serve(async function* (inside) {
      for (let attempt = 1; attempt <= 3; attempt++) {
        inCall.push(inside());
        yield answer(attempt);
        await Promise.resolve();
      }
      inCall.push(inside());
    });
    for (let attempt = 1; attempt <= 3; attempt++) {
      expect(await messages.next()).toMatchObject({ value: { attempt }, done: false });
      expect(calls.current()).toBe(undefined);
    }
    expect(results).toEqual([]);
    expect(await messages.next()).toEqual({ value: undefined, done: true });
    context.abort();
    expect(results).toMatchObject([{ code: "ok", error: undefined, fields: { refundNo: "R1", attempt: 3 } }]);
    expect(inCall).toEqual([true, true, true, true]);
  });

  test("ends a call with the error of its stream, and with its labels", async () => {
    const broken = new ConnectError("broken", Code.DataLoss);
    const { context, results, messages } = await serve(async function* () {
      yield answer(1);
      throw broken;
    });
    await messages.next();
    await expect(messages.next()).rejects.toBe(broken);
    context.abort(broken);
    expect(results).toMatchObject([{ code: "data_loss", error: broken, failure: { reason: "BROKEN" } }]);
  });

  test("ends a call whose client has disconnected with the error of its stream", async () => {
    const late = new ConnectError("late", Code.DeadlineExceeded);
    const { context, results, messages } = await serve(async function* () {
      yield answer(1);
      throw late;
    });
    await messages.next();
    context.abort(new ConnectError("gone", Code.Canceled));
    expect(results).toEqual([]);
    await expect(messages.next()).rejects.toBe(late);
    expect(results).toMatchObject([{ code: "deadline_exceeded", error: late }]);
  });

  test.each([
    ["stops reading", "canceled", (reader: AsyncIterator<unknown>) => reader.return?.()],
    [
      "cannot be written to",
      "internal",
      (reader: AsyncIterator<unknown>) => reader.throw?.("broken pipe").catch(() => {}),
    ],
  ])("closes the stream of a client that %s, and ends its call as %s", async (_what, code, stop) => {
    const inCall: boolean[] = [];
    const { results, messages } = await serve(async function* (inside) {
      try {
        yield answer(1);
        yield answer(2);
      } finally {
        inCall.push(inside());
      }
    });
    await messages.next();
    await stop(messages);
    expect(inCall).toEqual([true]);
    expect(results).toMatchObject([{ code }]);
  });

  test("ends a call that is rejected by the gate when its signal aborts", async () => {
    const { calls, context, results } = open();
    const error = await calls.gate(context).catch((error) => error);
    expect(results).toEqual([]);
    context.abort(error);
    expect(results).toMatchObject([{ code: "unauthenticated", error }]);
  });
});
