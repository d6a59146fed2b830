/**
 * A minimal implementation of SyncRefund: connect-node, ky, signing and verification. Without authentication, validation,
 * coalescing, rate limit, typed failures, logs and metrics. Sends the sync of DaxPay 2.0.8 without a query.
 */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import ky from "ky";
import { RefundStatus } from "../../../src/gen/daxpay/refundsync/v1/refund_pb.ts";
import { RefundSyncService } from "../../../src/gen/daxpay/refundsync/v1/refund_sync_pb.ts";

const [port, grpcPort, upstream] = Deno.args;
const SECRET = "123456";
/** DaxPay's code while another sync holds the refund's lock. */
const LOCKED = 10007;

interface Reply {
  readonly code: number;
  readonly traceId: string;
  readonly data: { readonly status: string; readonly resTime: number; readonly sign: string };
}

function sign(members: object): string {
  const text = Object.entries(members).filter(([name, value]) => name !== "sign" && value !== null)
    .sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => `${name}=${value}`).join("&");
  return createHmac("sha256", SECRET).update(`${text}&key=${SECRET}`).digest("hex");
}

const handler = connectNodeAdapter({
  routes: (router) =>
    router.service(RefundSyncService, {
      async syncRefund({ refundNo, bizRefundNo }) {
        const members = {
          refundNo,
          nonceStr: randomBytes(16).toString("hex"),
          reqTime: Math.floor(Date.now() / 1000),
        };
        const { code, traceId: daxpayTraceId, data } = await ky.post(`${upstream}/unipay/sync/refund`, {
          json: { ...members, sign: sign(members) },
          retry: 0,
        }).json<Reply>();
        if (code === LOCKED) throw new ConnectError("locked", Code.Aborted);
        if (code !== 0) throw new Error(`expected code 0, got ${code}`);
        if (!timingSafeEqual(new TextEncoder().encode(sign(data)), new TextEncoder().encode(data.sign))) {
          throw new Error("expected a valid signature, got another one");
        }
        const status = data.status === "refund_success" ? RefundStatus.SUCCEEDED : RefundStatus.IN_PROGRESS;
        const replyTime = timestampFromMs(data.resTime * 1000);
        return { refund: { refundNo, bizRefundNo, status, daxpayStatus: data.status, replyTime, daxpayTraceId } };
      },
    }),
});

createServer(handler).listen(Number(port), "127.0.0.1");
createHttp2Server(handler).listen(Number(grpcPort), "127.0.0.1");
