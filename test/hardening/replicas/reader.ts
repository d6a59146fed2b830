import { type RefundEvent, RefundEventKind } from "../../../src/gen/daxpay/refundsync/v1/refund_tracking_pb.ts";
import { describeError } from "../chaos-outcome.ts";
import { pause } from "../chaos-pause.ts";
import type { CallerOptions } from "./clients.ts";

/** An event as a reader saw it. */
export interface SeenEvent {
  readonly cursor: string;
  readonly kind: string;
}

/** A reader of the events who resumes at its cursor, on any replica. */
export interface Reader {
  readonly events: readonly SeenEvent[];
  /** How often it has resumed. */
  reconnects(): number;
  readonly untyped: ReadonlySet<string>;
  /** Resolves when it is over. */
  readonly done: Promise<void>;
}

/** Milliseconds until it leaves a replica by itself. */
const LEAVE_MS = [2_000, 20_000] as const;
const RECONNECT_MS = [10, 500] as const;

export function startReader({ clients, random, over }: CallerOptions): Reader {
  const events: SeenEvent[] = [];
  const untyped = new Set<string>();
  let afterCursor = "";
  let reconnects = -1;

  function see({ cursor, kind }: RefundEvent): void {
    events.push({ cursor, kind: RefundEventKind[kind] });
    afterCursor = cursor;
  }

  async function read(): Promise<void> {
    while (!over.aborted) {
      reconnects++;
      const signal = AbortSignal.any([over, AbortSignal.timeout(random.between(...LEAVE_MS))]);
      try {
        for await (const { message } of random.pick(clients).tracking.streamRefundEvents({ afterCursor }, { signal })) {
          if (message.case === "event") see(message.value);
          else if (message.case === "heartbeat") afterCursor = message.value.cursor;
        }
      } catch (error) {
        const problem = describeError(error, signal.aborted, "StreamRefundEvents").untyped;
        if (problem) untyped.add(problem);
      }
      await pause(random.between(...RECONNECT_MS), over);
    }
  }

  return { events, untyped, reconnects: () => Math.max(0, reconnects), done: read() };
}
