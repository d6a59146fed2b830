import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import {
  SyncRefundRequestSchema,
  WatchRefundRequestSchema,
} from "../../src/gen/daxpay/refundsync/v1/refund_sync_pb.ts";
import {
  GetTrackedRefundRequestSchema,
  TrackRefundRequestSchema,
  UntrackRefundRequestSchema,
} from "../../src/gen/daxpay/refundsync/v1/refund_tracking_pb.ts";
import { violationsOf } from "../../src/service/validate.ts";
import { resultOutcome } from "../support/outcome.ts";
import { startService } from "../support/service.ts";

/** First and last code point of each range. */
type Ranges = readonly (readonly [first: number, last: number])[];

/** C0, C1, soft hyphen, zero width, lines and directions, joiners and isolates, byte order mark. */
const INVISIBLE: Ranges = [
  [0x00, 0x1f],
  [0x7f, 0x9f],
  [0xad, 0xad],
  [0x200b, 0x200f],
  [0x2028, 0x202e],
  [0x2060, 0x206f],
  [0xfeff, 0xfeff],
];
/** Space, no-break, en quad to hair, narrow no-break, mathematical, ideographic. */
const SPACES: Ranges = [
  [0x20, 0x20],
  [0xa0, 0xa0],
  [0x2000, 0x200a],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
];

const charactersOf = (ranges: Ranges) =>
  ranges.flatMap(([first, last]) =>
    Array.from({ length: last - first + 1 }, (_, index) => String.fromCodePoint(first + index))
  );
const invisible = charactersOf(INVISIBLE);
const spaces = charactersOf(SPACES);
const rejected = new Set([...invisible, ...spaces]);
/** All others of the basic plane that can stand in a protobuf string, which has no halves of pairs, and emoji. */
const others = charactersOf([[0, 0xd7ff], [0xe000, 0xffff], [0x1f300, 0x1faff]])
  .filter((each) => !rejected.has(each));

const NO_SPACE = "expected no white space";
const NO_INVISIBLE = "expected no invisible characters";
const NO_OUTER_SPACE = "expected no white space at either end";

test("batchSyncRefunds() rejects exactly the numbers with invisible characters and misplaced white space", async () => {
  await using service = await startService();
  const rejections = [
    ...invisible.map((character) => [{ refundNo: `R${character}1` }, `refund_no: ${NO_INVISIBLE}`] as const),
    ...spaces.map((character) => [{ refundNo: `R${character}1` }, `refund_no: ${NO_SPACE}`] as const),
    ...spaces.map((character) => [{ refundNo: "R", nonceStr: `${character}n` }, `nonce_str: ${NO_SPACE}`] as const),
    ...invisible.map((character) => [{ bizRefundNo: `B${character}1` }, `biz_refund_no: ${NO_INVISIBLE}`] as const),
    ...spaces.map((character) => [{ bizRefundNo: `${character}B1` }, `biz_refund_no: ${NO_OUTER_SPACE}`] as const),
    ...spaces.map((character) => [{ bizRefundNo: `B1${character}` }, `biz_refund_no: ${NO_OUTER_SPACE}`] as const),
  ];
  const valid = [
    ...spaces.map((character) => ({ bizRefundNo: `B${character}1` })),
    ...["退款-二〇二五，１号", "né_à/Ωж#1", "🧾💴", "¡\u2010\u2070、^]\\-$", "𠮷"].flatMap((text) => [
      { refundNo: text, nonceStr: text },
      { bizRefundNo: text },
    ]),
  ];
  const requests = [...rejections.map(([request]) => request), ...valid];
  const found: unknown[] = [];
  for await (const result of service.client.batchSyncRefunds({ requests })) {
    const { reason } = resultOutcome(result) as { reason: string };
    found[result.index] = {
      reason,
      message: result.outcome.value && "message" in result.outcome.value && result.outcome.value.message,
    };
  }
  expect(found).toMatchObject([
    ...rejections.map(([, message]) => ({ reason: "INVALID_REQUEST", message })),
    ...valid.map(() => ({ reason: "REFUND_NOT_FOUND" })),
  ]);
});

const SCHEMAS = [
  SyncRefundRequestSchema,
  WatchRefundRequestSchema,
  TrackRefundRequestSchema,
  GetTrackedRefundRequestSchema,
  UntrackRefundRequestSchema,
];
test.each(SCHEMAS.map((schema) => [schema.name, schema] as const))(
  "violationsOf() a %s tells every character of the basic plane apart",
  (_name, schema) => {
    /** The rules that numbers break, apart from their length. */
    const broken = (numbers: { readonly refundNo?: string; readonly bizRefundNo?: string }) =>
      violationsOf(schema, create(schema, numbers)).map(({ description }) => description)
        .filter((description) => description !== "expected at most 100 characters");
    const text = others.join("");
    expect(broken({ refundNo: text, bizRefundNo: text })).toEqual([]);
    const missed = [
      ...invisible.filter((character) => !broken({ refundNo: character }).includes(NO_INVISIBLE)),
      ...spaces.filter((character) => !broken({ refundNo: character }).includes(NO_SPACE)),
      ...invisible.filter((character) => !broken({ bizRefundNo: character }).includes(NO_INVISIBLE)),
      ...spaces.filter((character) => !broken({ bizRefundNo: character }).includes(NO_OUTER_SPACE)),
    ];
    expect(missed).toEqual([]);
  },
);

test.each(
  [
    ["refundNo", 100],
    ["bizRefundNo", 100],
  ] as const,
)("violationsOf() counts %s in UTF-16 units, as DaxPay does", (member, maxLength) => {
  const broken = (text: string) =>
    violationsOf(SyncRefundRequestSchema, create(SyncRefundRequestSchema, { [member]: text }));
  expect(broken("退".repeat(maxLength))).toEqual([]);
  expect(broken("💴".repeat(maxLength / 2))).toEqual([]);
  expect(broken("💴".repeat(maxLength / 2) + "x")).toMatchObject([{ description: "expected at most 100 characters" }]);
});

test.each(["1.2.3.4", "::1", "2001:db8::8a2e:370:7334", "::ffff:1.2.3.4", ""])(
  "violationsOf() accepts the client_ip %j",
  (clientIp) => {
    const message = create(SyncRefundRequestSchema, { refundNo: "R", clientIp });
    expect(violationsOf(SyncRefundRequestSchema, message)).toEqual([]);
  },
);

test.each(["1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.4 ", "localhost", "::g", "fe80::1%eth0", "[::1]"])(
  "violationsOf() rejects the client_ip %j",
  (clientIp) => {
    const message = create(SyncRefundRequestSchema, { refundNo: "R", clientIp });
    expect(violationsOf(SyncRefundRequestSchema, message)).toMatchObject([{ field: "client_ip" }]);
  },
);
