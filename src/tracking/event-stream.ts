import type { Clock } from "../refund/clock.ts";
import type { Journal, JournalRow } from "../store/journal.ts";
import { Stream } from "../util/stream.ts";
import { checkRange, cursorOf, seqOf } from "./cursor.ts";
import { trackingErrorFrom } from "./store-error.ts";
import type { Tail, WaitingReader } from "./tail.ts";
import type { EventsQuery, StreamedEvent } from "./tracking.ts";

type Result = IteratorResult<StreamedEvent, void>;

export interface EventStreamOptions {
  readonly storeId: string;
  readonly journal: Pick<Journal, "page">;
  readonly tail: Tail<StreamedEvent>;
  readonly clock: Clock;
  readonly eventOf: (row: JournalRow) => StreamedEvent;
}

const PAGE_SIZE = 200;
/** Milliseconds of silence; load balancers close a stream after 30 s or more. */
const HEARTBEAT_MS = 20_000;
const DONE: Result = { value: undefined, done: true };

/**
 * The events after a position, for a single consumer with one read at a time. Reads pages of its own until it has caught up,
 * and whenever its consumer falls behind what the tail keeps: then nothing accumulates for it.
 */
export class EventStream extends Stream<StreamedEvent> implements EventListenerObject, WaitingReader {
  readonly #options: EventStreamOptions;
  readonly #accounts: readonly string[] | undefined;
  readonly #signal: AbortSignal;
  /** Everything up to it was delivered; undefined: nothing, and the oldest event comes first. */
  #position: number | undefined;
  /** Rows of a page, and how far it reached. */
  #unread: readonly JournalRow[] = [];
  #next = 0;
  #through = 0;
  #reading = false;
  #resolve: ((result: Result | Promise<Result>) => void) | undefined;
  #deliveredAt: number;
  #ended = false;
  #error: unknown;

  constructor(options: EventStreamOptions, { accounts, afterCursor }: EventsQuery, signal: AbortSignal) {
    super();
    this.#options = options;
    this.#accounts = accounts;
    this.#signal = signal;
    this.#deliveredAt = options.clock.elapsed();
    options.tail.open();
    signal.addEventListener("abort", this, { once: true });
    if (signal.aborted) this.#end(signal.reason);
    try {
      this.#position = afterCursor === "" ? undefined : seqOf(afterCursor, options.storeId);
    } catch (error) {
      this.#end(error);
    }
  }

  next(): Promise<Result> {
    return new Promise((resolve) => {
      this.#resolve = resolve;
      this.#options.tail.wait(this);
      this.advance();
    });
  }

  advance(): void {
    if (!this.#resolve) return;
    if (this.#ended) return this.#settle(this.#endResult());
    if (this.#reading) return;
    try {
      const value = this.#fromPage() ?? this.#fromTail();
      if (value) this.#deliver(value);
    } catch (error) {
      this.#end(error);
    }
  }

  tick(): void {
    if (this.#options.clock.elapsed() - this.#deliveredAt < HEARTBEAT_MS || this.#position === undefined) return;
    this.#deliver({ kind: "heartbeat", cursor: cursorOf(this.#options.storeId, this.#position) });
  }

  fail(error: unknown): void {
    if (!this.#reading) this.#end(trackingErrorFrom(error));
  }

  /** The signal has aborted. */
  handleEvent(): void {
    this.#end(this.#signal.reason);
  }

  protected override stop(): void {
    this.#end(undefined);
    this.#error = undefined;
  }

  #fromPage(): StreamedEvent | undefined {
    if (this.#next === this.#unread.length) return undefined;
    const row = this.#unread[this.#next++];
    this.#position = row.seq;
    if (this.#next === this.#unread.length) {
      this.#unread = [];
      this.#next = 0;
      this.#position = this.#through;
    }
    return this.#options.eventOf(row);
  }

  /** The next event that the tail keeps. Begins to read a page where it does not keep it. */
  #fromTail(): StreamedEvent | undefined {
    const position = this.#position;
    const kept = position === undefined ? undefined : this.#options.tail.after(position);
    if (position === undefined || !kept) {
      this.#readPage();
      return undefined;
    }
    for (let index = position - kept.start; index < kept.values.length; index++) {
      const value = kept.values[index];
      this.#position = kept.start + index + 1;
      if (value.kind === "event" && this.#accepts(value.event.account)) return value;
    }
    return undefined;
  }

  #accepts(account: string): boolean {
    return this.#accounts === undefined || this.#accounts.includes(account);
  }

  async #readPage(): Promise<void> {
    const { journal, tail, storeId } = this.#options;
    this.#reading = true;
    try {
      const page = await tail.patiently(
        () => journal.page(this.#position ?? 0, PAGE_SIZE, this.#accounts),
        () => !this.#ended,
      );
      const { rows, through, head, prunedSeq } = page;
      if (this.#position !== undefined) checkRange(this.#position, { storeId, head, prunedSeq });
      this.#through = through;
      if (rows.length === 0) this.#position = through;
      else this.#unread = rows;
      if (through >= head) tail.follow(through);
    } catch (error) {
      this.#end(trackingErrorFrom(error));
    } finally {
      this.#reading = false;
      this.advance();
    }
  }

  #deliver(value: StreamedEvent): void {
    this.#deliveredAt = this.#options.clock.elapsed();
    this.#settle({ value, done: false });
  }

  #settle(result: Result | Promise<Result>): void {
    this.#options.tail.settle(this);
    this.#resolve?.(result);
    this.#resolve = undefined;
  }

  #end(error: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#unread = [];
    this.#next = 0;
    this.#signal.removeEventListener("abort", this);
    this.#options.tail.close();
    if (this.#resolve) this.#settle(this.#endResult());
  }

  #endResult(): Result | Promise<Result> {
    const error = this.#error;
    this.#error = undefined;
    return error === undefined ? DONE : Promise.reject(error);
  }
}
