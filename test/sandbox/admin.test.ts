import { afterEach, expect, test } from "vitest";
import { send, type Started, startSandbox, sync } from "./client.ts";

let sandbox: Started;
afterEach(() => sandbox.close());

const JSON_HEADERS = { "content-type": "application/json" };
const setFault = (body: unknown, headers: Record<string, string> = JSON_HEADERS) =>
  fetch(`${sandbox.url}/sandbox/faults`, { method: "POST", headers, body: JSON.stringify(body) });

test("faults are set and cleared over HTTP", async () => {
  sandbox = await startSandbox("2.0.8");
  const set = await setFault({
    fault: "unknown-code",
    refundNo: "R-SUCCEEDS",
    code: 20045,
    text: "交易失败",
    times: 1,
  });
  expect(set.status).toBe(204);
  expect(await sync(sandbox, "R-SUCCEEDS")).toMatchObject({ code: 20045, text: "交易失败" });
  expect(await sync(sandbox, "R-SUCCEEDS")).toMatchObject({ status: "refund_success" });
  await setFault({ fault: "no-sign" });
  expect(await send(sandbox, "R-SUCCEEDS")).toContain('"sign":null');
  expect((await fetch(`${sandbox.url}/sandbox/faults`, { method: "DELETE" })).status).toBe(204);
  expect(await send(sandbox, "R-SUCCEEDS")).not.toContain('"sign":null');
});

test("GET /sandbox/requests lists requests without the calls that steer", async () => {
  sandbox = await startSandbox("2.0.8");
  await send(sandbox, "R-CLOSED");
  const requests = await (await fetch(`${sandbox.url}/sandbox/requests`)).json();
  expect(requests).toMatchObject([{
    members: { refundNo: "R-CLOSED" },
    outcome: { code: 0, status: "close", signed: true },
  }]);
  expect(sandbox.maxConcurrent).toBe(1);
});

test.each([
  [{ fault: "earthquake" }, /expected one of "connect-reset"\|"slow"\|/],
  [{ fault: "toString" }, /expected one of/],
  [{ fault: "slow", refundno: "x" }, /Unrecognized key: "refundno"/],
  [{ fault: "slow", times: "1" }, /expected number, received string\n.*at times/],
  [{ fault: "connect-reset", refundNo: "x" }, /expected no refundNo/],
])("POST /sandbox/faults rejects %j", async (body, message) => {
  sandbox = await startSandbox("2.0.8");
  const reply = await setFault(body);
  expect(reply.status).toBe(400);
  expect((await reply.json()).error).toMatch(message);
});

const call = async (method: string, path: string, body?: unknown) => {
  const reply = await fetch(sandbox.url + path, {
    method,
    headers: JSON_HEADERS,
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  return { status: reply.status, body: reply.status === 204 ? undefined : await reply.json() };
};

test("refunds are added, moved and shown over HTTP", async () => {
  sandbox = await startSandbox("3.0.0");
  const refund = { refundNo: "R1", orderNo: "P1", state: "CLOSED", amount: 1000, refundableBalance: 5000 };
  expect(await call("POST", "/sandbox/refunds", refund)).toMatchObject({ status: 204 });
  expect(await call("POST", "/sandbox/refunds", refund)).toMatchObject({
    status: 400,
    body: { error: 'expected a refundNo that is not in use, got "R1"' },
  });
  expect(await call("POST", "/sandbox/jobs", { job: "day" })).toMatchObject({ body: { synced: 1 } });
  expect(await call("GET", "/sandbox/refunds/R1")).toMatchObject({
    status: 200,
    body: { refundNo: "R1", orderNo: "P1", status: "close", refundableBalance: 6000, credits: 1, syncs: 1, queries: 0 },
  });
  await call("POST", "/sandbox/channel", { refundNo: "R1", state: "ERROR", error: "no" });
  expect(await sync(sandbox, "R1")).toMatchObject({ status: "fail" });
  expect(await call("POST", "/sandbox/callbacks", { refundNo: "R1", status: "success" })).toMatchObject({
    body: { result: "ignored" },
  });
  expect(await call("POST", "/sandbox/syncs", { refundNo: "R1" })).toMatchObject({ body: { result: "applied" } });
  expect(await call("POST", "/sandbox/closings", { refundNo: "R1" })).toMatchObject({ body: { result: "applied" } });
  expect(await call("GET", "/sandbox/refunds")).toMatchObject({ body: [{ refundNo: "R1", refundableBalance: 7000 }] });
  expect(await call("DELETE", "/sandbox/refunds")).toMatchObject({ status: 204 });
  expect(await call("GET", "/sandbox/refunds/R1")).toMatchObject({
    status: 404,
    body: { error: 'expected a refund that DaxPay knows, got "R1"' },
  });
});

test.each([
  ["/sandbox/refunds", { refundNo: "R1", state: "LOST" }],
  ["/sandbox/refunds", { refundNo: "R1", amount: 1.5 }],
  ["/sandbox/refunds", { refundNo: " " }],
  ["/sandbox/channel", { refundNo: "R-UNKNOWN", state: "SUCCESS" }],
  ["/sandbox/jobs", { job: "never" }],
  ["/sandbox/callbacks", { refundNo: "R1", status: "progress" }],
])("POST %s rejects %j", async (path, body) => {
  sandbox = await startSandbox("3.0.0");
  expect(await call("POST", path, body)).toMatchObject({ status: 400, body: { error: expect.any(String) } });
});

test("a web page's simple request sets nothing", async () => {
  sandbox = await startSandbox("2.0.8");
  expect((await setFault({ fault: "hang" }, { "content-type": "text/plain" })).status).toBe(415);
  expect(await sync(sandbox, "R-SUCCEEDS")).toMatchObject({ status: "refund_success" });
});

test("other paths below /sandbox are not found", async () => {
  sandbox = await startSandbox("2.0.8");
  expect((await fetch(`${sandbox.url}/sandbox/`)).status).toBe(404);
});
