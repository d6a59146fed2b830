import type { ConnectRouter, HandlerContext } from "@connectrpc/connect";
import { RefundSyncService } from "../gen/daxpay/refundsync/v1/refund_sync_pb.ts";
import type { Refunds } from "../refund/refunds.ts";
import { messageFromState, queryFrom } from "./convert.ts";
import { withConnectErrors } from "./failure.ts";

/** Milliseconds that a unary call may take when its caller sets no deadline. */
const DEFAULT_TIMEOUT_MS = 60_000;

/** Serves RefundSyncService. */
export function routeRefunds(router: ConnectRouter, refunds: Refunds): void {
  router.service(RefundSyncService, {
    syncRefund: (request, context) =>
      withConnectErrors(async () => {
        const state = await refunds.sync(queryFrom(request), {
          signal: context.signal,
          timeoutMs: answerableMs(context),
        });
        return { refund: messageFromState(state) };
      }),
  });
}

/**
 * What is left of the caller's time, less what an answer needs to reach the caller: a failure that arrives after the
 * deadline explains nothing.
 */
function answerableMs(context: HandlerContext): number {
  const left = context.timeoutMs() ?? DEFAULT_TIMEOUT_MS;
  return left - Math.min(100, left / 10);
}
