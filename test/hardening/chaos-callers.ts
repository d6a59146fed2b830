import process from "node:process";
import { createClient } from "@connectrpc/connect";
import { RefundSyncService } from "../../src/gen/daxpay/refundsync/v1/refund_sync_pb.ts";
import { PROTOCOLS } from "../support/service.ts";
import { describe, describeError, type Outcome } from "./chaos-outcome.ts";
import { createRandom, type Random } from "./chaos-random.ts";
import { bizRefundNoOf, currentIndex, ENDED, refundNoAt } from "./chaos-refunds.ts";

export interface CallersOptions {
  readonly http: string;
  readonly grpc: string;
  readonly seed: number;
  /** Epoch milliseconds of the run's start and end. */
  readonly start: number;
  readonly end: number;
}

/** What a caller received: one line of the program's output. */
export interface Received extends Outcome {
  /** The RPC, or "result" for one of the results of a stream. */
  readonly kind: "SyncRefund" | "BatchSyncRefunds" | "WatchRefund" | "result";
}

type Kind = Exclude<Received["kind"], "result">;

/** Callers at the same time, of each protocol. */
const CALLERS = 2;
const KINDS: readonly [Kind, ...Kind[]] = ["SyncRefund", "SyncRefund", "SyncRefund", "BatchSyncRefunds", "WatchRefund"];
const TIMEOUTS_MS: readonly [number, ...number[]] = [50, 1_000, 4_000, 15_000, 30_000];
const CLIENT_IPS: readonly [string, ...string[]] = ["", "10.0.0.1", "10.0.0.2"];
const NONCES: readonly [string, ...string[]] = ["", "", "nonce-1", "nonce-2"];

/** Callers until the end, in a process of their own: a GOAWAY can crash Deno's HTTP/2 client (denoland/deno#36788). */
async function runCallers({ http, grpc, seed, start, end }: CallersOptions): Promise<void> {
  const over = AbortSignal.timeout(Math.max(0, end - Date.now()));

  function requestFrom(random: Random) {
    const index = currentIndex(Date.now() - start, random);
    // Now and then one that has probably ended, or had before the start.
    const refundNo = random.chance(0.1)
      ? random.pick(ENDED)
      : refundNoAt(random.chance(0.1) ? random.between(0, index) : index);
    const by = random.pick(["refundNo", "bizRefundNo", "both"]);
    return {
      refundNo: by === "bizRefundNo" ? "" : refundNo,
      bizRefundNo: by === "refundNo" ? "" : bizRefundNoOf(refundNo),
      clientIp: random.pick(CLIENT_IPS),
      nonceStr: random.pick(NONCES),
    };
  }

  async function call(protocol: string, client: ReturnType<typeof clientOf>, random: Random): Promise<void> {
    const kind = random.pick(KINDS);
    const left = random.chance(0.2) ? AbortSignal.timeout(random.between(0, 5_000)) : undefined;
    const signal = left ? AbortSignal.any([left, over]) : over;
    const options = { signal, timeoutMs: random.pick(TIMEOUTS_MS) };
    try {
      switch (kind) {
        case "SyncRefund": {
          const { refund } = await client.syncRefund(requestFrom(random), options);
          return print({ kind, ...describe(refund) });
        }
        case "BatchSyncRefunds": {
          const requests = Array.from({ length: random.between(1, 6) }, () => requestFrom(random));
          for await (const { outcome } of client.batchSyncRefunds({ requests }, options)) {
            print({ kind: "result", ...describe(outcome.value) });
          }
          break;
        }
        case "WatchRefund": {
          const { nonceStr: _, ...request } = requestFrom(random);
          for await (const { outcome } of client.watchRefund(request, options)) {
            print({ kind: "result", ...describe(outcome.value) });
          }
        }
      }
      print({ kind, outcome: "complete" });
    } catch (error) {
      print({ kind, ...describeError(error, signal.aborted, `${protocol} ${kind}`) });
    }
  }

  async function caller(protocol: string, random: Random): Promise<void> {
    const client = clientOf(protocol);
    while (!over.aborted) {
      await call(protocol, client, random);
      await new Promise((resolve) => setTimeout(resolve, random.between(20, 300)));
    }
  }

  function clientOf(protocol: string) {
    return createClient(RefundSyncService, PROTOCOLS[protocol]({ http, grpc }));
  }

  const protocols = Object.keys(PROTOCOLS).flatMap((protocol) => Array<string>(CALLERS).fill(protocol));
  await Promise.all(protocols.map((protocol, index) => caller(protocol, createRandom(seed + index))));
}

function print(received: Received): void {
  console.log(JSON.stringify(received));
}

if (import.meta.main) {
  await runCallers(JSON.parse(process.argv[2]));
  process.exit(0);
}
