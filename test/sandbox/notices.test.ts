import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { describe, expect, test } from "vitest";
import { SANDBOX_KEYS } from "../../src/cli/sandbox-keys.ts";
import { createDaxPay, type DaxPayOptions } from "../../src/daxpay/client.ts";
import { createNoticeReader } from "../../src/daxpay/notice.ts";
import { readPrivateKey, readPublicKeys } from "../../src/daxpay/keys.ts";
import type { ServerOptions } from "../../src/sandbox/options.ts";
import type { ReleaseName } from "../../src/sandbox/release.ts";
import { createSandbox } from "../../src/sandbox/sandbox.ts";
import { createDaxPayServer } from "../../src/sandbox/server.ts";

const RELEASES = ["2.0.6", "2.0.7", "2.0.8", "3.0.0-beta4", "3.0.0", "4.0.0-beta"] as const;
const URL_ = "https://refunds.shop.example/notices/daxpay/shop";
/** In Shanghai 2026-11-25 18:30:06. */
const NOW = Date.UTC(2026, 10, 25, 10, 30, 6);

/** An embedded DaxPay that posts its notices here, and the service's client, which reads them. */
function start(release: ReleaseName, options: Partial<ServerOptions> = {}, client: Partial<DaxPayOptions> = {}) {
  const posted: { url: string; body: string }[] = [];
  const daxpay = createDaxPayServer({
    release,
    now: () => NOW,
    noticeUrl: URL_,
    notify: (url, body) => {
      posted.push({ url, body });
      return Promise.resolve({ status: 200, body: "SUCCESS" });
    },
    ...options,
  });
  const clientOptions: DaxPayOptions = {
    url: new URL("http://daxpay.test"),
    release,
    signType: "HMAC_SHA256",
    secret: "123456",
    privateKey: readPrivateKey(SANDBOX_KEYS.DAXPAY_PRIVATE_KEY),
    platformKeys: readPublicKeys(SANDBOX_KEYS.DAXPAY_PLATFORM_KEYS),
    appId: "M8207639754663343",
    mchNo: "M1745845174843",
    timeoutMs: 1_000,
    timeZone: "Asia/Shanghai",
    maxSkewMs: 300_000,
    ...client,
  };
  const reader = createDaxPay(clientOptions, {
    fetch: (input, init) => daxpay.fetch(new Request(input, init)),
    now: () => NOW,
    nonce: () => "n",
  });
  const readNotice = createNoticeReader(clientOptions, () => NOW);
  return { daxpay, posted, reader, read: (body: string) => readNotice(new TextEncoder().encode(body)) };
}

describe.each(RELEASES)("the sandbox of %s", (release) => {
  test("sends a notice that readNotice() accepts when a callback, a sync and a job end a refund", async () => {
    const { daxpay, posted, reader, read } = start(release);
    // Of 3.0.0 the minute's job takes refunds of one to ten minutes.
    for (const refundNo of ["R1", "R2", "R3"]) {
      daxpay.addRefund({
        refundNo,
        amount: 1010,
        requestedAt: NOW - 120_000,
        attach: 'a"b\\c&d',
        outRefundNo: "4200\u2028",
      });
    }
    expect(daxpay.callback("R1", "close")).toBe("applied");
    await reader.sync({ refundNo: "R2", bizRefundNo: "", clientIp: "", nonceStr: "" });
    await daxpay.runJob();
    expect(posted.map(({ url }) => url)).toEqual([URL_, URL_, URL_]);
    expect(posted.map(({ body }) => read(body))).toMatchObject([
      {
        kind: "notice",
        refundNo: "R1",
        bizRefundNo: "B-R1",
        daxpayStatus: "close",
        noticedAt: NOW,
        finishTime: undefined,
      },
      { kind: "notice", refundNo: "R2", bizRefundNo: "B-R2", daxpayStatus: "success", noticedAt: NOW, finishTime: NOW },
      { kind: "notice", refundNo: "R3", bizRefundNo: "B-R3", daxpayStatus: "success", noticedAt: NOW, finishTime: NOW },
    ]);
    expect(read(posted[0].body.replace("close", "fail"))).toMatchObject({ kind: "rejection", reason: "UNVERIFIED" });
    expect(daxpay.notices).toMatchObject([{ refundNo: "R1" }, { refundNo: "R2" }, {
      refundNo: "R3",
      answer: { status: 200, body: "SUCCESS" },
    }]);
    daxpay.reset();
    expect(daxpay.notices).toEqual([]);
  });

  test("sends no notice of a refund in progress, and none that is not asked for without an address", async () => {
    const { daxpay, posted } = start(release, { noticeUrl: undefined });
    daxpay.addRefund({ refundNo: "R1" });
    expect(await daxpay.sendNotice("R1")).toBe("ignored");
    expect(await daxpay.sendNotice("R-UNKNOWN")).toBe("not-found");
    daxpay.callback("R1", "success");
    expect(await daxpay.sendNotice("R1")).toBe("ignored");
    daxpay.addRefund({ refundNo: "R2", status: "success", noticeUrl: "http://merchant.test/" });
    expect(await daxpay.sendNotice("R2")).toBe("accepted");
    expect(posted).toMatchObject([{ url: "http://merchant.test/" }]);
  });

  test("signs with the previous secret or key where it is told to", async () => {
    const { daxpay, posted, read } = start(release);
    daxpay.addRefund({ refundNo: "R1", status: "success" });
    expect(await daxpay.sendNotice("R1", { previousKey: true })).toBe("accepted");
    expect(read(posted[0].body)).toMatchObject({ kind: "rejection", reason: "UNVERIFIED" });
    if (release === "4.0.0-beta") return;
    const rotated = start(release, {}, { secret: "new", previousSecret: "654321" });
    expect(rotated.read(posted[0].body)).toMatchObject({ kind: "notice", refundNo: "R1" });
  });

  test("sends the notice of another application or merchant as such", async () => {
    const { daxpay, posted, read } = start(release);
    daxpay.addRefund({ refundNo: "R1", status: "success", appId: "A2", mchNo: "M2" });
    await daxpay.sendNotice("R1");
    const expected = /^2/.test(release) ? { kind: "notice" } : { kind: "rejection", reason: "OTHER_APPLICATION" };
    expect(read(posted[0].body)).toMatchObject(expected);
  });
});

describe("the sandbox", () => {
  test("sends 3.0.0's notice to a subscriber with its type", async () => {
    const { daxpay, posted, read } = start("3.0.0");
    daxpay.addRefund({ refundNo: "R1", status: "close" });
    await daxpay.sendNotice("R1");
    await daxpay.sendNotice("R1", { subscribed: true });
    const [callback, subscribed] = posted.map(({ body }) => JSON.parse(body));
    // As recorded from a real server, which neither types nor traces what goes to a refund's own address.
    expect(Object.keys(callback)).toEqual(["mchNo", "appId", "code", "msg", "data", "sign", "resTime"]);
    expect(subscribed).toMatchObject({ noticeType: "refund", traceId: expect.any(String) });
    for (const { body } of posted) expect(read(body)).toMatchObject({ kind: "notice", daxpayStatus: "close" });
  });

  test("sends 3.x's notice of a closed refund again with each sync that credits it", async () => {
    const { daxpay, posted } = start("3.0.0");
    daxpay.addRefund({ refundNo: "R1", status: "close", state: "CLOSED" });
    await daxpay.syncInConsole("R1");
    await daxpay.syncInConsole("R1");
    expect(posted).toHaveLength(2);
    expect(daxpay.refund("R1")).toMatchObject({ credits: 2 });
  });

  test("sends the notice of a failed refund on 4.0.0-beta, and not before", async () => {
    const before = start("3.0.0");
    before.daxpay.addRefund({ refundNo: "R1", state: "ERROR" });
    await before.daxpay.syncInConsole("R1");
    expect(before.daxpay.refund("R1")).toMatchObject({ status: "fail" });
    expect(before.posted).toEqual([]);
    const { daxpay, posted, read } = start("4.0.0-beta");
    daxpay.addRefund({ refundNo: "R1" });
    daxpay.callback("R1", "fail");
    expect(read(posted[0].body)).toMatchObject({ kind: "notice", daxpayStatus: "fail" });
  });

  test("keeps 4.0.0-beta's event id when it repeats a notice", async () => {
    const { daxpay, posted, read } = start("4.0.0-beta");
    for (const refundNo of ["R1", "R2"]) daxpay.addRefund({ refundNo, status: "success" });
    for (const refundNo of ["R1", "R2", "R1"]) await daxpay.sendNotice(refundNo);
    const ids = posted.map(({ body }) => read(body)).map((notice) => "eventId" in notice ? notice.eventId : "");
    expect(ids).toEqual(["1990000000000000000", "1990000000000000001", "1990000000000000000"]);
    const older = start("4.0.0-beta", { beta: "beijing-times" });
    older.daxpay.addRefund({ refundNo: "R1", status: "success" });
    await older.daxpay.sendNotice("R1");
    expect(older.read(older.posted[0].body)).toMatchObject({ kind: "notice", eventId: undefined });
  });

  test.each(
    [
      ["documented", {}],
      ["2.0.8", { signType: null }],
    ] as const,
  )("of %s with %j sends no notices", async (release, options) => {
    const { daxpay, posted } = start(release, options);
    daxpay.addRefund({ refundNo: "R1" });
    daxpay.callback("R1", "success");
    expect(await daxpay.sendNotice("R1")).toBe("ignored");
    expect(posted).toEqual([]);
  });

  test.each(
    [
      ["2.0.8", ["SUCCESS"]],
      ["3.0.0", ["SUCCESS", "success"]],
      ["4.0.0-beta", ["SUCCESS", "success", " Success\n"]],
    ] as const,
  )("of %s takes %j for an acceptance, and nothing else", async (release, accepted) => {
    const answers = ["SUCCESS", "success", " Success\n", "", "FAIL", '"SUCCESS"'];
    const { daxpay } = start(release, {
      notify: () => Promise.resolve({ status: 200, body: answers[daxpay.notices.length - 1] }),
    });
    daxpay.addRefund({ refundNo: "R1", status: "success" });
    const results = [];
    for (const _ of answers) results.push(await daxpay.sendNotice("R1"));
    expect(results).toEqual(
      answers.map((body) => (accepted as readonly string[]).includes(body) ? "accepted" : "refused"),
    );
  });

  test("of 4.0.0-beta also looks at the HTTP status of the answer", async () => {
    const { daxpay } = start("4.0.0-beta", { notify: () => Promise.resolve({ status: 503, body: "SUCCESS" }) });
    daxpay.addRefund({ refundNo: "R1", status: "success" });
    expect(await daxpay.sendNotice("R1")).toBe("refused");
  });

  test("posts over HTTP as DaxPay does, and is steered over HTTP", async () => {
    const received: unknown[] = [];
    let answer = "FAIL";
    const merchant = createServer(async (request, response) => {
      const { method, url, headers: { "content-type": type, origin } } = request;
      received.push({ method, url, type, origin, body: await text(request) });
      response.statusCode = 500; // which no DaxPay before 4.x looks at
      response.end(answer);
    });
    await new Promise<void>((resolve) => merchant.listen(0, "127.0.0.1", resolve));
    const noticeUrl = `http://127.0.0.1:${(merchant.address() as AddressInfo).port}/notices/daxpay/shop`;
    const sandbox = await createSandbox({ release: "2.0.8" });
    const call = async (path: string, body: unknown) => {
      const init = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
      const reply = await fetch(sandbox.url + path, init);
      return reply.status === 204 ? undefined : await reply.json();
    };
    try {
      await call("/sandbox/refunds", { refundNo: "R1", status: "success", noticeUrl });
      expect(await call("/sandbox/notices", { refundNo: "R1" })).toEqual({ result: "refused" });
      answer = "SUCCESS";
      expect(await call("/sandbox/notices", { refundNo: "R1" })).toEqual({ result: "accepted" });
      expect(received[1]).toEqual({
        method: "POST",
        url: "/notices/daxpay/shop",
        type: "application/json",
        origin: undefined,
        body: expect.stringContaining('"refundNo":"R1"'),
      });
      const listed = await (await fetch(`${sandbox.url}/sandbox/notices`)).json();
      expect(listed).toMatchObject([{ url: noticeUrl, answer: { status: 500, body: "FAIL" } }, {
        url: noticeUrl,
        answer: { status: 500, body: "SUCCESS" },
      }]);
      merchant.closeAllConnections();
      await new Promise((resolve) => merchant.close(resolve));
      expect(await call("/sandbox/notices", { refundNo: "R1" })).toEqual({ result: "refused" });
      expect(await call("/sandbox/refunds", { refundNo: "R2", noticeUrl: "file:///etc/passwd" })).toMatchObject({
        error: expect.stringContaining("noticeUrl"),
      });
    } finally {
      await sandbox.close();
    }
  });
});
