import { mkdtempSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { create, fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { failureOf } from "../../src/client.ts";
import {
  RefundSyncService,
  SyncRefundRequestSchema,
  WatchRefundRequestSchema,
} from "../../src/gen/daxpay/refundsync/v1/refund_sync_pb.ts";
import { FailureReason, SyncFailureSchema } from "../../src/gen/daxpay/refundsync/v1/sync_failure_pb.ts";
import { BadRequestSchema, ErrorInfoSchema } from "../../src/gen/google/rpc/error_details_pb.ts";
import { errorOf, errorOutcome, resultOutcome } from "../support/outcome.ts";
import { PROTOCOLS, type Service, startService } from "../support/service.ts";

const METHOD = `/${RefundSyncService.typeName}/SyncRefund`;
const TOKEN = "t0ken-of-the-billing-service";

/** Of errors that end before anything is sent to DaxPay. */
const notSent = { delivery: "NOT_SENT", step: undefined, retryDelayMs: undefined };
const invalid = { ...notSent, code: "invalid_argument", reason: "INVALID_REQUEST" };

const folder = mkdtempSync(path.join(tmpdir(), "errors-"));
const tokensFile = path.join(folder, "tokens");
writeFileSync(tokensFile, `billing ${TOKEN}\n`);

let service: Service;
/** Lets only callers with a token in. */
let closed: Service;
beforeAll(async () => {
  service = await startService({ sandbox: { release: "2.0.8" } });
  closed = await startService({ variables: { AUTH_TOKENS_FILE: tokensFile } });
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  await closed[Symbol.asyncDispose]();
});
beforeEach(() => service.sandbox.reset());

type Rule = readonly [what: string, request: MessageInitShape<typeof SyncRefundRequestSchema>, field: string];

const RULES: readonly Rule[] = [
  ["neither number", {}, ""],
  ["a blank refund_no", { refundNo: " " }, "refund_no"],
  ["a refund_no of 101 characters", { refundNo: "R".repeat(101) }, "refund_no"],
  ["a control character in refund_no", { refundNo: "R\u0007" }, "refund_no"],
  ["an ideographic space in refund_no", { refundNo: "R1\u3000" }, "refund_no"],
  ["a biz_refund_no of 101 characters", { bizRefundNo: "B".repeat(101) }, "biz_refund_no"],
  ["a space at the end of biz_refund_no", { bizRefundNo: "B1 " }, "biz_refund_no"],
  ["a zero width space in biz_refund_no", { bizRefundNo: "B\u200b1" }, "biz_refund_no"],
  ["an account that is not configured", { refundNo: "R", account: "shop" }, "account"],
];
/** Of SyncRefund and BatchSyncRefunds only, or with an address. */
const SYNC_RULES: readonly Rule[] = [
  ...RULES,
  ["a client_ip that is no address", { refundNo: "R", clientIp: "300.1.1.1" }, "client_ip"],
  ["a client_ip of 65 characters", { refundNo: "R", clientIp: "1".repeat(65) }, "client_ip"],
  ["a nonce_str of 33 characters", { refundNo: "R", nonceStr: "n".repeat(33) }, "nonce_str"],
  ["white space in nonce_str", { refundNo: "R", nonceStr: "n n" }, "nonce_str"],
];

describe.each(Object.entries(PROTOCOLS))("%s:", (protocol, transport) => {
  const client = () => createClient(RefundSyncService, transport(service));
  const badRequestOf = async (call: Promise<unknown>) => {
    const error = await errorOf(call);
    return { outcome: errorOutcome(error), violations: error.findDetails(BadRequestSchema)[0]?.fieldViolations };
  };

  describe("an invalid request", () => {
    test.each(SYNC_RULES)("with %s is rejected by SyncRefund with a BadRequest", async (_what, request, field) => {
      expect(await badRequestOf(client().syncRefund(request))).toMatchObject({
        outcome: invalid,
        violations: [{ field, description: expect.stringMatching(/^expected /) }],
      });
      expect(service.sandbox.requests).toEqual([]);
    });

    test.each(RULES)("with %s is rejected by WatchRefund with a BadRequest", async (_what, request, field) => {
      const { refundNo = "", bizRefundNo = "", account = "" } = request;
      const watch = client().watchRefund(create(WatchRefundRequestSchema, { refundNo, bizRefundNo, account }));
      expect(await badRequestOf(Array.fromAsync(watch))).toMatchObject({ outcome: invalid, violations: [{ field }] });
    });

    test("with several mistakes gets a violation for each", async () => {
      expect(await badRequestOf(client().syncRefund({ refundNo: " ", clientIp: "x", nonceStr: " " }))).toMatchObject({
        violations: expect.arrayContaining([
          expect.objectContaining({ field: "refund_no" }),
          expect.objectContaining({ field: "client_ip" }),
          expect.objectContaining({ field: "nonce_str" }),
        ]),
      });
    });

    test.each([0, 1001])("with a batch of %d is rejected with a BadRequest", async (length) => {
      const requests = Array.from({ length }, () => ({ refundNo: "R-SUCCEEDS" }));
      expect(await badRequestOf(Array.fromAsync(client().batchSyncRefunds({ requests })))).toMatchObject({
        outcome: invalid,
        violations: [{ field: "requests", description: "expected 1 to 1000 requests" }],
      });
    });

    test("as an item of a batch fails alone", async () => {
      const requests = [...SYNC_RULES.map(([, request]) => request), { refundNo: `LOAD-${protocol.length}` }];
      const results = await Array.fromAsync(client().batchSyncRefunds({ requests }));
      const outcomes = results.toSorted((one, other) => one.index - other.index).map(resultOutcome);
      expect(outcomes).toMatchObject([...SYNC_RULES.map(() => invalid), { status: "SUCCEEDED" }]);
    });

    test("with 100 characters and an IPv6 address is valid", async () => {
      const request = { refundNo: "R".repeat(100), bizRefundNo: "B".repeat(100), account: "default" };
      const error = await errorOf(client().syncRefund({ ...request, clientIp: "::1", nonceStr: "n".repeat(32) }));
      expect(errorOutcome(error)).toMatchObject({ reason: "REFUND_NOT_FOUND" });
    });
  });

  test("a failure of DaxPay has its code, text and trace id, and ErrorInfo names the refund", async () => {
    const numbers = { refundNo: "R-CHANNEL-ERROR", bizRefundNo: "B-CHANNEL-ERROR" };
    const error = await errorOf(client().syncRefund(numbers));
    expect(errorOutcome(error)).toMatchObject({
      code: "unavailable",
      reason: "CHANNEL_FAILED",
      delivery: "ANSWERED",
      step: "SYNC",
      retryDelayMs: 60_000,
    });
    expect(failureOf(error)).toMatchObject({
      daxpayCode: 1,
      daxpayMessage: "系统繁忙，请稍后再试",
      daxpayTraceId: expect.stringMatching(/^\w{12}$/),
      message: expect.stringMatching(/\S/),
    });
    expect(error.findDetails(ErrorInfoSchema)).toMatchObject([{
      metadata: {
        daxpay_code: "1",
        delivery: "ANSWERED",
        refund_no: numbers.refundNo,
        biz_refund_no: numbers.bizRefundNo,
      },
    }]);
  });

  const stranger = () => createClient(RefundSyncService, transport(closed));
  test.each([
    ["without credentials", {}],
    ["with an unknown token", { authorization: "Bearer no-such-token-0123456789" }],
    ["with another scheme", { authorization: "Basic YTpi" }],
  ])("a call %s → unauthenticated NOT_SENT, unary and stream", async (_what, headers) => {
    const unauthenticated = { ...notSent, code: "unauthenticated", reason: "UNAUTHENTICATED" };
    const calls = [
      stranger().syncRefund({ refundNo: "R-SUCCEEDS" }, { headers }),
      Array.fromAsync(stranger().watchRefund({ refundNo: "R-SUCCEEDS" }, { headers })),
    ];
    const errors = await Promise.all(calls.map((call) => errorOf(call)));
    expect(errors.map(errorOutcome)).toEqual([unauthenticated, unauthenticated]);
    expect(closed.sandbox.requests).toEqual([]);
  });

  describe("a call without time left → deadline_exceeded NOT_SENT:", () => {
    const [timeout, none] = protocol.startsWith("Connect") ? ["connect-timeout-ms", "0"] : ["grpc-timeout", "0m"];
    const call = { headers: [[timeout, none]] as [string, string][] };
    const late = { code: "deadline_exceeded", reason: "DEADLINE_EXCEEDED", delivery: "NOT_SENT", step: undefined };

    test("SyncRefund", async () => {
      const error = await errorOf(client().syncRefund({ refundNo: "R-SUCCEEDS" }, call));
      expect(errorOutcome(error)).toMatchObject(late);
      expect(service.sandbox.requests).toEqual([]);
    });

    test("WatchRefund", async () => {
      const error = await errorOf(Array.fromAsync(client().watchRefund({ refundNo: "R-SUCCEEDS" }, call)));
      expect(errorOutcome(error)).toMatchObject(late);
      expect(service.sandbox.requests).toEqual([]);
    });

    test("BatchSyncRefunds, each of its results", async () => {
      const requests = [{ refundNo: "R-SUCCEEDS" }, { refundNo: "R-WAITS" }];
      const results = await Array.fromAsync(client().batchSyncRefunds({ requests }, call));
      expect(results.map(resultOutcome)).toMatchObject([late, late]);
      expect(service.sandbox.requests).toEqual([]);
    });
  });

  /** Claims a string of 100 bytes and ends after one. */
  const undecodable = { $unknown: [{ no: 1, wireType: 2, data: new Uint8Array([100, 1]) }] };
  test("an undecodable message → INVALID_REQUEST NOT_SENT", async () => {
    const sync = Object.assign(create(SyncRefundRequestSchema), undecodable);
    const watch = Object.assign(create(WatchRefundRequestSchema), undecodable);
    const errors = [
      await errorOf(client().syncRefund(sync)),
      await errorOf(Array.fromAsync(client().watchRefund(watch))),
    ];
    // The code is Connect's.
    const expected = { ...notSent, reason: "INVALID_REQUEST" };
    expect(errors.map(errorOutcome)).toMatchObject([expected, expected]);
  });

  test("a message of more than 1 MiB → resource_exhausted INVALID_REQUEST NOT_SENT", async () => {
    const refundNo = "x".repeat(2 * 1024 * 1024);
    const errors = [
      await errorOf(client().syncRefund({ refundNo })),
      await errorOf(Array.fromAsync(client().batchSyncRefunds({ requests: [{ refundNo }] }))),
    ];
    const expected = { ...invalid, code: "resource_exhausted" };
    expect(errors.map(errorOutcome)).toEqual([expected, expected]);
  });

  test("a timeout of more than 24 h → invalid_argument NOT_SENT", async () => {
    const error = await errorOf(client().syncRefund({ refundNo: "R-SUCCEEDS" }, { timeoutMs: 25 * 3600 * 1000 }));
    expect(errorOutcome(error)).toEqual(invalid);
  });

  test("a watch that the service's shutdown ends → unavailable SHUTTING_DOWN with a retry delay", async () => {
    const stopping = await startService({ sandbox: { release: "2.0.8" } });
    const watch = createClient(RefundSyncService, transport(stopping)).watchRefund({ refundNo: "R-WAITS" })
      [Symbol.asyncIterator]();
    await watch.next();
    const error = errorOf(watch.next());
    await stopping[Symbol.asyncDispose]();
    expect(errorOutcome(await error)).toEqual({
      ...notSent,
      code: "unavailable",
      reason: "SHUTTING_DOWN",
      retryDelayMs: 1_000,
    });
  });
});

describe("An error in Connect's JSON", () => {
  const post = async (body: string, headers: Record<string, string> = {}) => {
    const response = await fetch(service.http + METHOD, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body,
    });
    return { status: response.status, body: await response.json() };
  };

  test.each([
    ["malformed JSON", "{", {}],
    ["a member of the wrong type", '{"refundNo":7}', {}],
    ["an invalid timeout", "{}", { "connect-timeout-ms": "soon" }],
  ])("for %s has a SyncFailure and an ErrorInfo", async (_what, body, headers) => {
    const response = await post(body, headers);
    expect(response).toMatchObject({
      status: 400,
      body: {
        code: "invalid_argument",
        details: [{ type: SyncFailureSchema.typeName }, {
          type: ErrorInfoSchema.typeName,
          debug: { reason: "INVALID_REQUEST", metadata: { delivery: "NOT_SENT" } },
        }],
      },
    });
    const [{ value }] = response.body.details;
    expect(fromBinary(SyncFailureSchema, Uint8Array.fromBase64(value))).toMatchObject({
      reason: FailureReason.INVALID_REQUEST,
    });
  });

  test("for an unknown compression has a SyncFailure", async () => {
    expect((await post("{}", { "content-encoding": "br2" })).body).toMatchObject({
      code: "unimplemented",
      details: [{ type: SyncFailureSchema.typeName }, { debug: { reason: "INVALID_REQUEST" } }],
    });
  });

  test("shows every detail readable", async () => {
    expect((await post('{"refundNo":"R-CHANNEL-ERROR"}')).body.details).toMatchObject([
      { type: "daxpay.refundsync.v1.SyncFailure", debug: { reason: "FAILURE_REASON_CHANNEL_FAILED" } },
      { type: "google.rpc.ErrorInfo", debug: { reason: "CHANNEL_FAILED", domain: "daxpay.refundsync.v1" } },
      { type: "google.rpc.RetryInfo", debug: { retryDelay: "60s" } },
    ]);
  });
});

test("Authentication whose issuer is unreachable → unavailable UNAUTHENTICATED with a retry delay", async () => {
  const nobody = createServer();
  await new Promise<void>((resolve) => nobody.listen(0, "127.0.0.1", resolve));
  const { port } = nobody.address() as AddressInfo;
  nobody.close();
  await using other = await startService({
    variables: {
      AUTH_JWKS_URL: `http://127.0.0.1:${port}/jwks`,
      AUTH_ISSUER: "https://issuer.example",
      AUTH_AUDIENCE: "refund-sync",
    },
  });
  const part = (json: unknown) => new TextEncoder().encode(JSON.stringify(json)).toBase64({ alphabet: "base64url" });
  const jwt = [
    part({ alg: "ES256", kid: "1" }),
    part({ iss: "https://issuer.example", aud: "refund-sync", sub: "x", exp: 9e9 }),
    part("signature"),
  ].join(".");
  const headers = { authorization: `Bearer ${jwt.replaceAll("=", "")}` };
  expect(errorOutcome(await errorOf(other.client.syncRefund({ refundNo: "R-SUCCEEDS" }, { headers })))).toEqual({
    ...notSent,
    code: "unavailable",
    reason: "UNAUTHENTICATED",
    retryDelayMs: 1_000,
  });
});

describe("A shutdown that ends a call during its sync", () => {
  const startDuringSync = async (call: (client: Service["client"]) => Promise<unknown>) => {
    const stopping = await startService({ sandbox: { release: "2.0.8" }, variables: { STOP_TIMEOUT_MS: "300" } });
    const { client, sandbox } = stopping;
    sandbox.setFault("hang", { endpoint: "sync" });
    const error = errorOf(call(client));
    await expect.poll(() => sandbox.requests.at(-1)?.endpoint).toBe("sync");
    await stopping[Symbol.asyncDispose]();
    return errorOutcome(await error);
  };
  const inDoubt = {
    code: "unavailable",
    reason: "SHUTTING_DOWN",
    delivery: "IN_DOUBT",
    step: "SYNC",
    retryDelayMs: 1_000,
  };

  test("→ unavailable SHUTTING_DOWN IN_DOUBT for SyncRefund", async () => {
    expect(await startDuringSync((client) => client.syncRefund({ refundNo: "LOAD-1" }))).toEqual(inDoubt);
  });

  test("→ unavailable SHUTTING_DOWN IN_DOUBT for BatchSyncRefunds", async () => {
    const requests = [{ refundNo: "LOAD-1" }];
    const call = (client: Service["client"]) => Array.fromAsync(client.batchSyncRefunds({ requests }));
    expect(await startDuringSync(call)).toEqual(inDoubt);
  });
});
