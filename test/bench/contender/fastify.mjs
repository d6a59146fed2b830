/**
 * A typical REST façade: Fastify with its logger and schema, axios and a bearer token. Sends the sync of DaxPay 2.0.8
 * without a query.
 */
import { Buffer } from "node:buffer";
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import process from "node:process";
import axios from "axios";
import Fastify from "fastify";

const [port, upstream, token] = process.argv.slice(2);
const SECRET = "123456";
/** DaxPay's code while another sync holds the refund's lock. */
const LOCKED = 10007;
const STATUSES = { refund_progress: "IN_PROGRESS", refund_success: "SUCCEEDED", close: "CLOSED" };

const daxpay = axios.create({ baseURL: upstream, timeout: 30_000 });
const app = Fastify({ logger: true });

function sign(members) {
  const text = Object.keys(members).filter((name) => name !== "sign" && members[name] !== null).sort()
    .map((name) => `${name}=${members[name]}`).join("&");
  return createHmac("sha256", SECRET).update(`${text}&key=${SECRET}`).digest("hex");
}

function verify(data) {
  const expected = Buffer.from(sign(data));
  const actual = Buffer.from(String(data.sign));
  return expected.length === actual.length && timingSafeEqual(expected, actual);
}

app.addHook("onRequest", async (request, reply) => {
  if (request.headers.authorization !== `Bearer ${token}`) await reply.code(401).send({ error: "unauthorized" });
});

const schema = {
  body: {
    type: "object",
    properties: { refundNo: { type: "string", minLength: 1, maxLength: 32 } },
    required: ["refundNo"],
  },
};

app.post("/refunds/sync", { schema }, async (request, reply) => {
  const { refundNo } = request.body;
  const members = { refundNo, nonceStr: randomBytes(16).toString("hex"), reqTime: Math.floor(Date.now() / 1000) };
  const response = await daxpay.post("/unipay/sync/refund", { ...members, sign: sign(members) });
  const { code, msg, data, traceId } = response.data;
  if (code === LOCKED) return await reply.code(409).send({ error: msg, code, traceId });
  if (code !== 0) return await reply.code(502).send({ error: msg, code, traceId });
  if (!data || !verify(data)) return await reply.code(502).send({ error: "bad signature", traceId });
  if (!data.status) return await reply.code(502).send({ error: data.msg, code: data.code, traceId });
  return {
    refundNo,
    status: STATUSES[data.status] ?? "UNKNOWN",
    daxpayStatus: data.status,
    replyTime: new Date(data.resTime * 1000).toISOString(),
    daxpayTraceId: traceId,
  };
});

await app.listen({ host: "127.0.0.1", port: Number(port) });
