import type { JournalEntry, JournalRow } from "../store/journal.ts";
import { cursorOf } from "./cursor.ts";
import {
  evidenceFromJson,
  type EvidenceJson,
  evidenceToJson,
  failureFromJson,
  type FailureJson,
  failureToJson,
  stateFromJson,
  type StateJson,
  stateToJson,
  storableText,
} from "./row.ts";
import { EVENT_KINDS, type EventKind, type Labels, type TrackingEvent } from "./tracking.ts";

/** An event that the journal has not numbered and dated yet. */
export type NewEvent = Omit<TrackingEvent, "cursor" | "eventAt">;

/** The body of a row of the journal. */
interface EventJson {
  readonly refundNo: string;
  readonly bizRefundNo: string;
  readonly labels: Labels;
  readonly state?: StateJson;
  readonly previousStatus?: TrackingEvent["previousStatus"];
  readonly failure?: FailureJson;
  readonly evidence?: EvidenceJson;
}

/** What the journal stores of an event of the refund's row. */
export function entryOf(event: NewEvent, refundId: number): JournalEntry {
  return { account: event.account, refundId, kind: event.kind, body: bodyOf(event) };
}

/** The event's JSON, of which the journal's own columns are no part. */
export function bodyOf({ refundNo, bizRefundNo, labels, state, previousStatus, failure, evidence }: NewEvent): string {
  const json: EventJson = {
    refundNo: storableText(refundNo),
    bizRefundNo: storableText(bizRefundNo),
    labels,
    state: state && stateToJson(state),
    previousStatus,
    failure: failure && failureToJson(failure),
    evidence: evidence && evidenceToJson(evidence),
  };
  return JSON.stringify(json);
}

/** The event of a row. Throws a TypeError or SyntaxError for one that something else has written. */
export function eventFrom(row: JournalRow, storeId: string): TrackingEvent {
  const json = JSON.parse(row.body) as EventJson;
  if (!isEventKind(row.kind)) throw new TypeError(`Expected row ${row.seq} to be an event, got "${row.kind}"`);
  return {
    cursor: cursorOf(storeId, row.seq),
    eventAt: row.eventAt,
    kind: row.kind,
    account: row.account,
    refundNo: json.refundNo,
    bizRefundNo: json.bizRefundNo,
    state: json.state && stateFromJson(json.state),
    previousStatus: json.previousStatus,
    labels: json.labels,
    failure: json.failure && failureFromJson(json.failure),
    evidence: json.evidence && evidenceFromJson(json.evidence),
  };
}

function isEventKind(kind: string): kind is EventKind {
  return (EVENT_KINDS as readonly string[]).includes(kind);
}
