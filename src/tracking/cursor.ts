import { TrackingError } from "./tracking.ts";

/** Version, the first digits of the store's id, seq. */
const CURSOR = /^1-([0-9a-f]{8})-(0|[1-9]\d{0,14})$/;

/** The part of the journal that can be read. */
export interface CursorRange {
  readonly storeId: string;
  /** Events up to this one have been pruned. */
  readonly prunedSeq: number;
  readonly head: number;
}

/** The position behind the event of this seq. */
export function cursorOf(storeId: string, seq: number): string {
  return `1-${prefixOf(storeId)}-${seq}`;
}

/** The seq that the cursor stands behind. Throws a TrackingError where it is not one of this store. */
export function seqOf(cursor: string, storeId: string): number {
  const [, store, digits] = CURSOR.exec(cursor) ?? [];
  if (store === undefined) throw invalidError(JSON.stringify(cursor.slice(0, 60)));
  if (store !== prefixOf(storeId)) throw invalidError("one of another database, or from before this one was adopted");
  return Number(digits);
}

/** Throws a TrackingError where events after the position cannot be read: they were pruned, or it is beyond the last one. */
export function checkRange(seq: number, { storeId, prunedSeq, head }: CursorRange): void {
  if (seq > head) throw invalidError("one behind the last event");
  if (seq >= prunedSeq) return;
  const oldestCursor = cursorOf(storeId, prunedSeq);
  throw new TrackingError(
    "CURSOR_EXPIRED",
    `The events after this cursor were deleted; the oldest is ${oldestCursor}`,
    {
      oldestCursor,
    },
  );
}

function invalidError(got: string): TrackingError {
  return new TrackingError("INVALID_REQUEST", `expected a cursor of this service, got ${got}`, {
    field: "after_cursor",
  });
}

function prefixOf(storeId: string): string {
  return storeId.slice(0, 8);
}
