import type { Clock } from "../refund/clock.ts";
import type { Journal, JournalRow } from "../store/journal.ts";
import type { Notifications } from "../store/notifications.ts";
import { checkRange, seqOf } from "./cursor.ts";
import { eventFrom } from "./event.ts";
import { EventStream } from "./event-stream.ts";
import { trackingErrorFrom } from "./store-error.ts";
import { createTail } from "./tail.ts";
import type { EventsQuery, StreamedEvent, TrackingEvent } from "./tracking.ts";

export interface EventsOptions {
  readonly journal: Pick<Journal, "page">;
  readonly notifications: Pick<Notifications, "onJournal">;
  readonly clock: Clock;
  /** As read when this process started. */
  readonly storeId: string;
}

/** The events of the journal; see `Tracking`. */
export interface Events {
  list(query: EventsQuery, limit: number): Promise<readonly TrackingEvent[]>;
  stream(query: EventsQuery, signal: AbortSignal): AsyncGenerator<StreamedEvent, void, void>;
}

export function createEvents({ journal, notifications, clock, storeId }: EventsOptions): Events {
  const eventOf = (row: JournalRow): StreamedEvent => ({ kind: "event", event: eventFrom(row, storeId) });
  const tail = createTail({ journal, notifications, clock, valueFrom: eventOf });
  const options = { storeId, journal, tail, clock, eventOf };

  async function list({ accounts, afterCursor }: EventsQuery, limit: number): Promise<readonly TrackingEvent[]> {
    const events: TrackingEvent[] = [];
    let position = afterCursor === "" ? undefined : seqOf(afterCursor, storeId);
    while (events.length < limit) {
      const { rows, through, head, prunedSeq } = await journal.page(position ?? 0, limit - events.length, accounts);
      if (position !== undefined) checkRange(position, { storeId, head, prunedSeq });
      for (const row of rows) events.push(eventFrom(row, storeId));
      if (through >= head) break;
      position = through;
    }
    return events;
  }

  return {
    list: (query, limit) =>
      list(query, limit).catch((error) => {
        throw trackingErrorFrom(error);
      }),
    stream: (query, signal) => new EventStream(options, query, signal),
  };
}
