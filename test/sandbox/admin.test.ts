import { afterEach, expect, test } from "vitest";
import { ask, gist, start, type Started } from "./ask.ts";

let sandbox: Started;
afterEach(() => sandbox.close());

const JSON_HEADERS = { "content-type": "application/json" };
const setFault = (body: unknown, headers: Record<string, string> = JSON_HEADERS) =>
  fetch(`${sandbox.url}/sandbox/faults`, { method: "POST", headers, body: JSON.stringify(body) });

test("faults are set and cleared over HTTP", async () => {
  sandbox = await start("2.0.8");
  const set = await setFault({
    fault: "unknown-code",
    refundNo: "R-SUCCEEDS",
    code: 20045,
    text: "交易失败",
    times: 1,
  });
  expect(set.status).toBe(204);
  expect(await gist(sandbox, "R-SUCCEEDS")).toBe("20045 交易失败");
  expect(await gist(sandbox, "R-SUCCEEDS")).toBe("0 refund_success");
  await setFault({ fault: "no-sign" });
  expect(await ask(sandbox, "R-SUCCEEDS")).toContain('"sign":null');
  expect((await fetch(`${sandbox.url}/sandbox/faults`, { method: "DELETE" })).status).toBe(204);
  expect(await ask(sandbox, "R-SUCCEEDS")).not.toContain('"sign":null');
});

test("requests are told over HTTP, without the calls that steer", async () => {
  sandbox = await start("2.0.8");
  await ask(sandbox, "R-CLOSED");
  const told = await (await fetch(`${sandbox.url}/sandbox/requests`)).json();
  expect(told).toMatchObject([{
    members: { refundNo: "R-CLOSED" },
    outcome: { code: 0, word: "close", signed: true },
  }]);
  expect(sandbox.maxConcurrent).toBe(1);
});

test.each([
  [{ fault: "earthquake" }, /^Found fault "earthquake", wanted one of connect-reset, slow, /],
  [{ fault: "toString" }, /^Found fault "toString"/],
  [{ fault: "slow", refundno: "x" }, /^Found member "refundno", wanted fault, refundNo, times/],
  [{ fault: "slow", times: "1" }, /^Found "1" as "times", wanted a number/],
  [{ fault: "connect-reset", refundNo: "x" }, /wanted none/],
])("a mistake in %j is told", async (body, wanted) => {
  sandbox = await start("2.0.8");
  const reply = await setFault(body);
  expect(reply.status).toBe(400);
  expect((await reply.json()).error).toMatch(wanted);
});

test("a web page's simple request sets nothing", async () => {
  sandbox = await start("2.0.8");
  expect((await setFault({ fault: "hang" }, { "content-type": "text/plain" })).status).toBe(415);
  expect(await gist(sandbox, "R-SUCCEEDS")).toBe("0 refund_success");
});

test("other paths below /sandbox are told", async () => {
  sandbox = await start("2.0.8");
  expect((await fetch(`${sandbox.url}/sandbox/`)).status).toBe(404);
});
