import { afterEach, expect, test } from "vitest";
import type { FaultName } from "../../src/sandbox/fault.ts";
import { DEVELOPMENT_KEYS } from "../../src/sandbox/keys.ts";
import {
  call4,
  createServer4,
  NOW,
  PING,
  QUERY,
  query4,
  REQ_ID,
  requestOf,
  send4,
  type Server,
  signed4,
  SYNC,
  verifies,
} from "./client4.ts";

let server: Server;
afterEach(() => server.close());

/** The reply to a sync that the fault breaks. */
async function broken(fault: FaultName): Promise<string> {
  server = createServer4();
  return await send4(server, SYNC, signed4(requestOf({ refundNo: `FAULT-${fault.toUpperCase()}` })));
}

const genuine = {
  code: 0,
  msg: "success",
  data: { orderStatus: "success", adjust: true },
  resTime: NOW,
  reqId: REQ_ID,
};

test.each<[FaultName, object]>([
  ["slow", genuine],
  ["oversized", genuine],
  ["foreign", { ...genuine, data: { ...genuine.data, refundNo: "DEVR24051020531763999999" } }],
  ["other-request", { ...genuine, reqId: expect.not.stringMatching(REQ_ID) }],
  ["stale", { ...genuine, resTime: "2026-11-25 17:30:06" }],
  ["unknown-status", { ...genuine, data: { orderStatus: "refund_reversed", adjust: true } }],
  ["unknown-code", { code: 47011, msg: "新的错误", data: null, resTime: null, reqId: REQ_ID }],
  ["string-code", { code: 20041, data: null, reqId: REQ_ID }],
  ["hostile-text", { code: 20045, msg: expect.stringContaining("<img src=x"), data: null }],
  ["reshaped", { code: 0, "data.orderStatus": "success", "data.adjust": "true", reqId: REQ_ID }],
])("4.0.0-beta signs the reply to the fault %s", async (fault, expected) => {
  const body = await broken(fault);
  expect(JSON.parse(body)).toMatchObject(expected);
  expect(verifies(body)).toBe(true);
});

test.each<[FaultName, object]>([
  ["wrong-sign", genuine],
  ["previous-key", genuine],
  ["no-code", { msg: "success", data: genuine.data }],
])("4.0.0-beta signs the reply to the fault %s so that it does not verify", async (fault, expected) => {
  const body = await broken(fault);
  expect(JSON.parse(body)).toMatchObject(expected);
  expect(JSON.parse(body).sign).toMatch(/^[A-Za-z0-9+/]{342}==$/);
  expect(verifies(body)).toBe(false);
});

test("4.0.0-beta signs the reply to the fault previous-key with the platform's previous key", async () => {
  expect(verifies(await broken("previous-key"), DEVELOPMENT_KEYS.previousPlatform.publicKey)).toBe(true);
});

test("the signature of the fault wrong-sign is base64 that decodes to other bytes", async () => {
  const [wrong, right] = [JSON.parse(await broken("wrong-sign")).sign, JSON.parse(await broken("oversized")).sign];
  const bytes = Buffer.from(wrong, "base64");
  expect(bytes.toString("base64")).toBe(wrong);
  expect(bytes.equals(Buffer.from(right, "base64"))).toBe(false);
  expect(wrong.slice(0, 341)).toBe(right.slice(0, 341));
});

test("4.0.0-beta signs nothing in the reply to the fault no-sign", async () => {
  expect(JSON.parse(await broken("no-sign"))).toEqual({ ...genuine, sign: null });
});

test("4.0.0-beta names the status twice in the reply to the fault duplicate-keys", async () => {
  expect(await broken("duplicate-keys")).toContain('"orderStatus":"close","orderStatus":"success"');
});

test("a fault set for the query breaks it, and a ping by none of a refund", async () => {
  server = createServer4();
  server.setFault("no-sign", { endpoint: "query", times: 1 });
  const body = await send4(server, QUERY, signed4(requestOf({ refundNo: "R-SUCCEEDS" })));
  expect(JSON.parse(body)).toMatchObject({ code: 0, sign: null });
  expect(await query4(server, "R-SUCCEEDS")).toMatchObject({ code: 0, signed: true });
  server.setFault("unknown-status", { refundNo: "R-SUCCEEDS" });
  expect(await call4(server, PING, {})).toMatchObject({ code: 0, data: { appFromDefault: false } });
  expect(await query4(server, "R-SUCCEEDS")).toMatchObject({ data: { status: "refund_reversed" } });
});

test("a request that is lost or unanswered was processed, one that hangs was not", async () => {
  server = createServer4();
  const send = (refundNo: string) => send4(server, SYNC, signed4(requestOf({ refundNo })));
  await expect(send("FAULT-LOST")).rejects.toThrow(TypeError);
  const pending = [send("FAULT-UNANSWERED"), send("FAULT-HANG")].map((reply) => expect(reply).rejects.toThrow());
  await expect.poll(() => server.requests.map(({ outcome }) => outcome !== undefined)).toEqual([true, true, true]);
  const statuses = ["FAULT-LOST", "FAULT-UNANSWERED", "FAULT-HANG"].map((refundNo) => server.refund(refundNo)?.status);
  expect(statuses).toEqual(["success", "success", "progress"]);
  server.close();
  await Promise.all(pending);
});
