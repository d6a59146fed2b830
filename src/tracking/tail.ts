import type { Clock } from "../refund/clock.ts";
import { StoreUnavailableError } from "../store/database.ts";
import type { Journal, JournalRow } from "../store/journal.ts";
import type { Notifications } from "../store/notifications.ts";

/** A stream that waits for its next message. */
export interface WaitingReader {
  /** The tail holds more, or no longer what the reader waits for. */
  advance(): void;
  /** Time has passed. */
  tick(): void;
  /** What the reader waits for cannot be read. */
  fail(error: unknown): void;
}

/** The end of the journal, which one reader per process follows for all streams that have caught up. */
export interface Tail<T> {
  /**
   * The kept values behind the position, and how far they reach; undefined where the position is before all that is kept,
   * so that the caller must read by itself.
   */
  after(seq: number): { readonly values: readonly T[]; readonly start: number } | undefined;
  /** Starts to follow from the position on, unless it follows already. */
  follow(seq: number): void;
  /** The reader waits until `settle`. */
  wait(reader: WaitingReader): void;
  settle(reader: WaitingReader): void;
  /** A stream begins; after the last has ended nothing is followed. */
  open(): void;
  close(): void;
  /** Repeats a read while the database is unavailable and somebody waits for it, for a while. */
  patiently<R>(read: () => Promise<R>, isWanted: () => boolean): Promise<R>;
}

export interface TailOptions<T> {
  readonly journal: Pick<Journal, "page">;
  readonly notifications: Pick<Notifications, "onJournal">;
  readonly clock: Clock;
  readonly valueFrom: (row: JournalRow) => T;
}

/** Notifications can be lost. */
const POLL_MS = 5_000;
const TICK_MS = 1_000;
const PAGE_SIZE = 500;
/** A reader further behind reads by itself. */
const KEPT = 500;
/** Milliseconds for which streams outlast an unavailable database: a restart takes up to 10 s. */
const RETRY_FOR_MS = 15_000;
const RETRY_DELAY_MS = [250, 2_000] as const;

interface Following<T> {
  /** Values of the rows behind `start`, one for each. */
  values: T[];
  start: number;
  reading: boolean;
  /** Whether there may be more than the current read finds. */
  notified: boolean;
  cancelPoll: () => void;
}

export function createTail<T>({ journal, notifications, clock, valueFrom }: TailOptions<T>): Tail<T> {
  const waiting = new Set<WaitingReader>();
  let streams = 0;
  let following: Following<T> | undefined;
  let unsubscribe = () => {};
  let cancelTick: (() => void) | undefined;

  async function patiently<R>(read: () => Promise<R>, isWanted: () => boolean): Promise<R> {
    let failedAt: number | undefined;
    for (let delayMs: number = RETRY_DELAY_MS[0];; delayMs = Math.min(delayMs * 2, RETRY_DELAY_MS[1])) {
      try {
        return await read();
      } catch (error) {
        failedAt ??= clock.elapsed();
        const isOver = clock.elapsed() - failedAt >= RETRY_FOR_MS;
        if (!(error instanceof StoreUnavailableError) || isOver || !isWanted()) throw error;
        await new Promise<void>((resolve) => clock.after(delayMs, resolve));
        if (!isWanted()) throw error;
      }
    }
  }

  /** Reads what is new, once at a time. */
  async function poll(current: Following<T>): Promise<void> {
    current.notified = true;
    if (current.reading) return;
    current.reading = true;
    current.cancelPoll();
    const isCurrent = () => current === following;
    try {
      while (current.notified && isCurrent()) {
        current.notified = false;
        const seq = current.start + current.values.length;
        const { rows, through, head } = await patiently(() => journal.page(seq, PAGE_SIZE), isCurrent);
        if (!isCurrent()) return;
        if (rows.length > 0) keep(current, rows);
        if (through < head) current.notified = true;
        // A copy: a reader that gets its value may at once wait for the next one.
        if (rows.length > 0) { for (const reader of [...waiting]) reader.advance(); }
      }
      if (isCurrent()) current.cancelPoll = clock.after(POLL_MS, () => poll(current));
    } catch (error) {
      if (!isCurrent()) return;
      stop();
      for (const reader of [...waiting]) reader.fail(error);
    } finally {
      current.reading = false;
    }
  }

  function keep(current: Following<T>, rows: readonly JournalRow[]): void {
    // Rows in between were pruned.
    if (rows[0].seq !== current.start + current.values.length + 1) {
      current.start = rows[0].seq - 1;
      current.values = [];
    }
    current.values.push(...rows.map(valueFrom));
    const excess = Math.max(0, current.values.length - KEPT);
    current.values.splice(0, excess);
    current.start += excess;
  }

  function stop(): void {
    following?.cancelPoll();
    following = undefined;
    unsubscribe();
  }

  function tick(): void {
    cancelTick = clock.after(TICK_MS, tick);
    for (const reader of [...waiting]) reader.tick();
  }

  return {
    after(seq) {
      return following && seq >= following.start ? following : undefined;
    },
    follow(seq) {
      if (following) return;
      const current: Following<T> = { values: [], start: seq, reading: false, notified: false, cancelPoll: () => {} };
      following = current;
      unsubscribe = notifications.onJournal(() => void poll(current));
      // What was committed before it subscribed is not notified of.
      void poll(current);
    },
    wait: (reader) => void waiting.add(reader),
    settle: (reader) => void waiting.delete(reader),
    open() {
      if (streams++ === 0) cancelTick = clock.after(TICK_MS, tick);
    },
    close() {
      if (--streams > 0) return;
      stop();
      cancelTick?.();
    },
    patiently,
  };
}
