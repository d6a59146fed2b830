/**
 * The least that can be called the same RPC: bare connect-node, a bare ky call, sign and verify. No authentication, no
 * validation, no sharing, no budget, no failures told apart, no log, no numbers.
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
/** DaxPay's lock is held: somebody else is asking. */
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
        const { code, traceId, data } = await ky.post(`${upstream}/unipay/sync/refund`, {
          json: { ...members, sign: sign(members) },
          retry: 0,
        }).json<Reply>();
        if (code === LOCKED) throw new ConnectError("locked", Code.Aborted);
        if (code !== 0) throw new Error(`DaxPay answered code ${code}`);
        if (!timingSafeEqual(new TextEncoder().encode(sign(data)), new TextEncoder().encode(data.sign))) {
          throw new Error("The signature does not match");
        }
        const status = data.status === "refund_success" ? RefundStatus.SUCCEEDED : RefundStatus.IN_PROGRESS;
        const repliedAt = timestampFromMs(data.resTime * 1000);
        return { refund: { refundNo, bizRefundNo, status, daxpayStatus: data.status, repliedAt, traceId } };
      },
    }),
});

createServer(handler).listen(Number(port), "127.0.0.1");
createHttp2Server(handler).listen(Number(grpcPort), "127.0.0.1");
