import { expect, test } from "vitest";
import { createServer, pathOf, signed, unsignedRequest } from "./client.ts";

function requestFor(refundNo: string, init: RequestInit = {}): Request {
  const body = JSON.stringify(signed("3.0.0", unsignedRequest("3.0.0", { refundNo })));
  const headers = { "content-type": "application/json" };
  return new Request(`http://daxpay${pathOf("3.0.0")}`, { method: "POST", headers, body, ...init });
}

test("fetch() replies with DaxPay's status, headers and body", async () => {
  const reply = await createServer("3.0.0").fetch(requestFor("R-SUCCEEDS"));
  expect(reply.status).toBe(200);
  expect(Object.fromEntries(reply.headers)).toMatchObject({
    "content-type": "application/json",
    date: "Tue, 26 Aug 2025 04:00:01 GMT",
  });
  expect(await reply.json()).toMatchObject({ code: 0, data: { orderStatus: "success" } });
});

test("fetch() serves the calls that steer", async () => {
  const reply = await createServer("3.0.0").fetch(new Request("http://daxpay/sandbox/requests"));
  expect(await reply.json()).toEqual([]);
});

test("fetch() processes an aborted request to its end", async () => {
  const server = createServer("3.0.0", { latencyMs: 20 });
  const controller = new AbortController();
  const reply = server.fetch(requestFor("R-SUCCEEDS", { signal: controller.signal }));
  await expect.poll(() => server.requests.length).toBe(1);
  controller.abort(new Error("caller left"));
  await expect(reply).rejects.toThrow("caller left");
  await expect.poll(() => server.refund("R-SUCCEEDS")?.status).toBe("success");
});

test("fetch() does not process a request that was aborted before", async () => {
  const server = createServer("3.0.0");
  await expect(server.fetch(requestFor("R-SUCCEEDS", { signal: AbortSignal.abort() }))).rejects.toThrow("abort");
  expect(server.requests).toEqual([]);
});

test.each([
  ["FAULT-RESET", "progress"],
  ["FAULT-LOST", "success"],
])("fetch() rejects %s and leaves its refund in %s", async (refundNo, status) => {
  const server = createServer("3.0.0");
  await expect(server.fetch(requestFor(refundNo))).rejects.toThrow(TypeError);
  expect(server.refund(refundNo)).toMatchObject({ status });
});

test.each([
  ["FAULT-HANG", "progress"],
  ["FAULT-UNANSWERED", "success"],
])("fetch() keeps %s pending until the server is closed, and leaves its refund in %s", async (refundNo, status) => {
  const server = createServer("3.0.0");
  const reply = server.fetch(requestFor(refundNo));
  const settled = expect(reply).rejects.toThrow("the server was closed");
  await expect.poll(() => server.requests[0]?.outcome).toBeDefined();
  expect(server.refund(refundNo)).toMatchObject({ status });
  server.close();
  await settled;
});

test("fetch() rejects a connection fault before anything is recorded", async () => {
  const server = createServer("3.0.0");
  server.setFault("connect-reset", { times: 1 });
  await expect(server.fetch(requestFor("R-SUCCEEDS"))).rejects.toThrow("client error (Connect)");
  expect(server.requests).toEqual([]);
  expect((await server.fetch(requestFor("R-SUCCEEDS"))).status).toBe(200);
});

test("fetch() breaks the body of a cut reply", async () => {
  const reply = await createServer("3.0.0").fetch(requestFor("FAULT-CUT"));
  await expect(reply.text()).rejects.toThrow("unexpected end of file");
});

test("a server with the same options and requests replies alike, byte for byte", async () => {
  const replies = async () => {
    let seed = 0;
    const random = () => (seed = (seed + 0.618) % 1);
    const server = createServer("3.0.0", { traceId: undefined, random });
    const bodies: string[] = [];
    for (const refundNo of ["R-WAITS-1", "R-CLOSED", "R-WAITS-1", "FAULT-FOREIGN", "LOAD-1"]) {
      bodies.push(await (await server.fetch(requestFor(refundNo))).text());
    }
    return { bodies, refunds: server.refunds() };
  };
  expect(await replies()).toEqual(await replies());
});
