import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { z } from "zod";
import {
  BatchSyncRefundsRequestSchema,
  SyncRefundRequestSchema,
  WatchRefundRequestSchema,
} from "../gen/daxpay/refundsync/v1/refund_sync_pb.ts";
import {
  AcknowledgeContradictionRequestSchema,
  BatchTrackRefundsRequestSchema,
  GetTrackedRefundRequestSchema,
  ListRefundEventsRequestSchema,
  ListTrackedRefundsRequestSchema,
  StreamRefundEventsRequestSchema,
  TrackRefundRequestSchema,
  UntrackRefundRequestSchema,
} from "../gen/daxpay/refundsync/v1/refund_tracking_pb.ts";
import { doubtIn, type DoubtKind } from "../util/doubtful-number.ts";
import { invalidRequestError, type Violation } from "./errors.ts";

/** Limits of the contract; lengths are in UTF-16 units, as DaxPay counts them (@Size). */
const MAX_NUMBER_LENGTH = 100;
const MAX_CLIENT_IP_LENGTH = 64;
const MAX_NONCE_LENGTH = 32;
export const MAX_BATCH_SIZE = 1000;
const MAX_PAGE_SIZE = 1000;
const MAX_NOTE_LENGTH = 1000;
const MAX_LABELS = 16;
const MAX_LABEL_VALUE_LENGTH = 256;
const MAX_TEXT_LENGTH = 4096;
const MAX_EXPIRE_AFTER_DAYS = 365;
const MAX_EXPIRE_AFTER_S = BigInt(MAX_EXPIRE_AFTER_DAYS * 24 * 3600);

/** Invisible: C0, C1, soft hyphen, zero width, lines and directions, joiners and isolates, byte order mark. */
// deno-lint-ignore no-control-regex
const INVISIBLE = /[\x00-\x1f\x7f-\x9f\xad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/;
/** White space: space, no-break, en quad to hair, narrow no-break, mathematical, ideographic. */
const SPACE = "[\\x20\\xa0\\u2000-\\u200a\\u202f\\u205f\\u3000]";
const ANY_SPACE = new RegExp(SPACE);
const OUTER_SPACE = new RegExp(`^${SPACE}|${SPACE}$`);

/** Not z.string().max(), which counts code points. */
const text = (maxLength: number) =>
  z.string().refine(({ length }) => length <= maxLength, `expected at most ${maxLength} characters`);
const visible = (maxLength: number) =>
  text(maxLength).refine((value) => !INVISIBLE.test(value), "expected no invisible characters");
/** PostgreSQL stores neither of them. */
const storable = (maxLength: number) =>
  text(maxLength).refine((value) => value.isWellFormed() && !value.includes("\0"), "expected text without U+0000");
const token = (maxLength: number) =>
  visible(maxLength).refine((value) => !ANY_SPACE.test(value), "expected no white space");

/** What a number is that a spreadsheet has certainly changed. Uncertain doubts are for people to decide. */
const DAMAGE: Readonly<Partial<Record<DoubtKind, string>>> = {
  scientific: "expected a refund number, got scientific notation, as of a number that a spreadsheet rounded",
  error: "expected a refund number, got a spreadsheet error",
  formula: "expected a refund number, got a spreadsheet formula",
};

const undamaged = (number: z.ZodString) =>
  number.superRefine((value, context) => {
    const doubt = doubtIn(value);
    if (doubt?.certain) context.addIssue({ code: "custom", message: DAMAGE[doubt.kind] });
  });

const numbers = {
  refundNo: undamaged(token(MAX_NUMBER_LENGTH)),
  bizRefundNo: undamaged(
    visible(MAX_NUMBER_LENGTH).refine(
      (value) => !OUTER_SPACE.test(value),
      "expected no white space at either end",
    ),
  ),
};
const clientIp = text(MAX_CLIENT_IP_LENGTH).pipe(
  z.union([z.literal(""), z.ipv4(), z.ipv6()], "expected an IPv4 or IPv6 address"),
);
const pageSize = z.int().min(0, "expected 0 to 1000").max(MAX_PAGE_SIZE, "expected 0 to 1000");
const batch = (items: z.ZodType) =>
  z.array(items).min(1, `expected 1 to ${MAX_BATCH_SIZE} requests`).max(
    MAX_BATCH_SIZE,
    `expected 1 to ${MAX_BATCH_SIZE} requests`,
  );

/** A message that names one refund. */
function named(shape: z.ZodRawShape) {
  return z.intersection(
    z.object(numbers).refine(
      ({ refundNo, bizRefundNo }) => refundNo !== "" || bizRefundNo !== "",
      "expected refund_no or biz_refund_no",
    ),
    z.object(shape),
  );
}

const track = named({
  clientIp,
  labels: z.record(
    z.string().regex(/^[a-z][a-z0-9_.-]{0,62}$/, 'expected at most 63 of a-z, 0-9, "_", "-" and ".", first a letter'),
    storable(MAX_LABEL_VALUE_LENGTH),
  ).refine((labels) => Object.keys(labels).length <= MAX_LABELS, `expected at most ${MAX_LABELS} labels`),
  expireAfter: z.object({ seconds: z.bigint(), nanos: z.int() }).refine(
    ({ seconds, nanos }) => seconds > 0n || (seconds === 0n && nanos > 0),
    "expected a positive duration",
  ).refine(
    ({ seconds, nanos }) => seconds < MAX_EXPIRE_AFTER_S || (seconds === MAX_EXPIRE_AFTER_S && nanos === 0),
    `expected at most ${MAX_EXPIRE_AFTER_DAYS} days`,
  ).optional(),
});

/** The rules of every request. The items of a batch are validated one by one, so that one does not fail the others. */
const RULES: Readonly<Record<string, z.ZodType>> = {
  [SyncRefundRequestSchema.typeName]: named({ clientIp, nonceStr: token(MAX_NONCE_LENGTH) }),
  [BatchSyncRefundsRequestSchema.typeName]: z.object({ requests: batch(z.unknown()) }),
  [WatchRefundRequestSchema.typeName]: named({ clientIp }),
  [TrackRefundRequestSchema.typeName]: track,
  [BatchTrackRefundsRequestSchema.typeName]: z.object({ requests: batch(z.unknown()) }),
  [GetTrackedRefundRequestSchema.typeName]: named({}),
  [ListTrackedRefundsRequestSchema.typeName]: z.object({
    filter: text(MAX_TEXT_LENGTH),
    orderBy: text(MAX_TEXT_LENGTH),
    pageSize,
    pageToken: text(MAX_TEXT_LENGTH),
  }),
  [UntrackRefundRequestSchema.typeName]: named({}),
  [AcknowledgeContradictionRequestSchema.typeName]: named({
    note: storable(MAX_NOTE_LENGTH).refine((note) => note.trim() !== "", "expected a note"),
  }),
  [StreamRefundEventsRequestSchema.typeName]: z.object({ afterCursor: text(MAX_TEXT_LENGTH) }),
  [ListRefundEventsRequestSchema.typeName]: z.object({
    afterCursor: text(MAX_TEXT_LENGTH),
    pageSize,
    pageToken: text(MAX_TEXT_LENGTH),
  }),
};

/** The rules that a message breaks. */
export function violationsOf<D extends DescMessage>(schema: D, message: MessageShape<D>): readonly Violation[] {
  const rules = RULES[schema.typeName];
  if (!rules) throw new TypeError(`Expected rules for ${schema.typeName}`);
  const result = rules.safeParse(message);
  if (result.success) return [];
  return result.error.issues.map(({ path, message }) => ({ field: fieldPath(path), description: message }));
}

/** Throws invalid_argument with a google.rpc.BadRequest where a message breaks a rule. */
export function requireValid<D extends DescMessage>(schema: D, message: MessageShape<D>): void {
  const violations = violationsOf(schema, message);
  if (violations.length > 0) throw invalidRequestError(violations);
}

/** The contract's spelling: `requests[3].refund_no`. */
function fieldPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((joined, part) => {
    if (typeof part === "number") return `${joined}[${part}]`;
    const name = String(part).replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    return joined ? `${joined}.${name}` : name;
  }, "");
}
