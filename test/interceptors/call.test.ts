import { create } from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  createHandlerContext,
  type StreamRequest,
  type StreamResponse,
  type UnaryRequest,
} from "@connectrpc/connect";
import { expect, test } from "vitest";
import {
  RefundSyncService,
  WatchRefundRequestSchema,
  WatchRefundResponseSchema,
} from "../../src/gen/daxpay/refundsync/v1/refund_sync_pb.ts";
import { type CallResult, createCalls } from "../../src/interceptors/call.ts";

const { watchRefund } = RefundSyncService.method;
const answer = (attempt: number) => create(WatchRefundResponseSchema, { attempt });

/** A call that has come, and how it ends. */
function open() {
  const endings: CallResult[] = [];
  const calls = createCalls({
    now: Date.now,
    generateRequestId: () => "id",
    async authenticate({ authorization }) {
      if (authorization === null) throw new ConnectError("who?", Code.Unauthenticated);
      return await Promise.resolve("shop");
    },
    clientCertNameOf: () => undefined,
    open: [],
    observers: [{ onEnd: (_call, ending) => endings.push(ending) }],
  });
  const context = createHandlerContext({
    service: RefundSyncService,
    method: watchRefund,
    protocolName: "grpc",
    requestMethod: "POST",
    url: "http://localhost/",
  });
  return { calls, context, endings };
}

/** One stream whose answers the given generator makes, up to where its reader takes over. */
async function serve(make: (inside: () => boolean) => AsyncGenerator<ReturnType<typeof answer>>) {
  const { calls, context, endings } = open();
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
    if (!request.stream) throw new TypeError("Found a unary call");
    for await (const _ of request.message);
    const { service, header } = request;
    return { stream: true, service, method: watchRefund, header, trailer: new Headers(), message: make(inside) };
  };
  const response = await calls.interceptor(next)(request);
  if (!response.stream) throw new TypeError("Found a unary answer");
  return { calls, context, endings, messages: response.message[Symbol.asyncIterator]() };
}

test("every message of a stream is made inside its call, which ends with the last", async () => {
  const found: boolean[] = [];
  const { calls, context, endings, messages } = await serve(async function* (inside) {
    for (let attempt = 1; attempt <= 3; attempt++) {
      found.push(inside());
      yield answer(attempt);
      await Promise.resolve();
    }
    found.push(inside());
  });
  for (let attempt = 1; attempt <= 3; attempt++) {
    expect(await messages.next()).toMatchObject({ value: { attempt }, done: false });
    expect(calls.current()).toBe(undefined);
  }
  expect(endings).toEqual([]);
  expect(await messages.next()).toEqual({ value: undefined, done: true });
  context.abort();
  expect(endings).toMatchObject([{ code: "ok", error: undefined }]);
  expect(found).toEqual([true, true, true, true]);
});

test("a stream that breaks ends its call with the error", async () => {
  const broken = new ConnectError("broken", Code.DataLoss);
  const { context, endings, messages } = await serve(async function* () {
    yield answer(1);
    throw broken;
  });
  await messages.next();
  await expect(messages.next()).rejects.toBe(broken);
  context.abort(broken);
  expect(endings).toMatchObject([{ code: "data_loss", error: broken }]);
});

test("a stream whose caller has gone ends its call with what its answer says of that", async () => {
  const told = new ConnectError("told", Code.DeadlineExceeded);
  const { context, endings, messages } = await serve(async function* () {
    yield answer(1);
    throw told;
  });
  await messages.next();
  context.abort(new ConnectError("gone", Code.Canceled));
  expect(endings).toEqual([]);
  await expect(messages.next()).rejects.toBe(told);
  expect(endings).toMatchObject([{ code: "deadline_exceeded", error: told }]);
});

test.each([
  ["stops reading", "canceled", (reader: AsyncIterator<unknown>) => reader.return?.()],
  [
    "cannot be written to",
    "internal",
    (reader: AsyncIterator<unknown>) => reader.throw?.("broken pipe").catch(() => {}),
  ],
])("a caller that %s ends its call as %s, and who makes the messages hears of it", async (_what, code, stop) => {
  const found: boolean[] = [];
  const { endings, messages } = await serve(async function* (inside) {
    try {
      yield answer(1);
      yield answer(2);
    } finally {
      found.push(inside());
    }
  });
  await messages.next();
  await stop(messages);
  expect(found).toEqual([true]);
  expect(endings.map(({ code }) => code)).toEqual([code]);
});

test("a call that gets no further than its gate ends with its signal", async () => {
  const { calls, context, endings } = open();
  const error = await calls.gate(context).catch((error) => error);
  expect(endings).toEqual([]);
  context.abort(error);
  expect(endings).toMatchObject([{ code: "unauthenticated", error }]);
});
