import { type MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { RefundSchema } from "../../src/gen/daxpay/refundsync/v1/refund_pb.ts";
import { RefundSyncService } from "../../src/gen/daxpay/refundsync/v1/refund_sync_pb.ts";
import { SyncFailureSchema } from "../../src/gen/daxpay/refundsync/v1/sync_failure_pb.ts";
import { createStatic } from "../../src/http/static.ts";

export type RefundInit = Exclude<MessageInitShape<typeof RefundSchema>, { $typeName: string }>;
export type FailureInit = Exclude<MessageInitShape<typeof SyncFailureSchema>, { $typeName: string }>;
export type ScriptedOutcome = { readonly refund: RefundInit } | { readonly failure: FailureInit };

/** The page in front of a server that returns given outcomes, also those that no embedded DaxPay can cause. */
export interface ScriptedService {
  readonly url: string;
  /** Sets the outcomes of a refund's next attempts, in order; the last repeats. */
  script(refundNo: string, ...outcomes: ScriptedOutcome[]): void;
  close(): Promise<void>;
}

export async function startScriptedService(): Promise<ScriptedService> {
  const scripts = new Map<string, ScriptedOutcome[]>();

  function next(refundNo: string): ScriptedOutcome {
    const outcomes = scripts.get(refundNo) ?? [];
    const [outcome] = outcomes.length > 1 ? outcomes.splice(0, 1) : outcomes;
    if (!outcome) throw new ConnectError(`expected a script of ${refundNo}, got none`, Code.Internal);
    return outcome;
  }

  const messageFrom = (outcome: ScriptedOutcome) =>
    "refund" in outcome
      ? { case: "refund", value: outcome.refund } as const
      : { case: "failure", value: outcome.failure } as const;

  const rpc = connectNodeAdapter({
    routes: (router) =>
      router.service(RefundSyncService, {
        syncRefund({ refundNo }) {
          const outcome = next(refundNo);
          if ("refund" in outcome) return outcome;
          const { message = "", code = Code.Unknown } = outcome.failure;
          throw new ConnectError(message, code, undefined, [{ desc: SyncFailureSchema, value: outcome.failure }]);
        },
        async *batchSyncRefunds({ requests }) {
          for (const [index, { refundNo }] of requests.entries()) {
            yield { index, outcome: messageFrom(next(refundNo)) };
          }
        },
        async *watchRefund({ refundNo }) {
          for (let attempt = 1; scripts.get(refundNo)?.length; attempt++) {
            const outcome = scripts.get(refundNo)?.shift();
            if (outcome) yield { attempt, outcome: messageFrom(outcome) };
          }
        },
      }),
  });
  const server = createServer(createStatic({
    directory: new URL("../../src/console/dist/", import.meta.url),
    settings: () => ({ grpcPort: 1, watchWaitsMs: [10_000] }),
    fallback: rpc,
  }));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    script: (refundNo, ...outcomes) => void scripts.set(refundNo, outcomes),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
