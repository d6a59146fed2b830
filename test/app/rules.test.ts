import { create } from "@bufbuild/protobuf";
import { createValidator } from "@bufbuild/protovalidate";
import { expect, test } from "vitest";
import {
  SyncRefundRequestSchema,
  WatchRefundRequestSchema,
} from "../../src/gen/daxpay/refundsync/v1/refund_sync_pb.ts";
import { FailureReason } from "../../src/gen/daxpay/refundsync/v1/sync_failure_pb.ts";
import { createRuleValidator } from "../../src/service/validate.ts";
import { startService } from "../support/service.ts";

/** First and last code point of each range. */
type Ranges = readonly (readonly [first: number, last: number])[];

/** C0, C1, soft hyphen, zero width, lines and directions, joiners and isolates, byte order mark. */
const CONTROLS: Ranges = [
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
const controls = charactersOf(CONTROLS);
const spaces = charactersOf(SPACES);
const unseen = new Set([...controls, ...spaces]);
/** All others of the basic plane that can stand in a protobuf string, which has no halves of pairs, and emoji. */
const others = charactersOf([[0, 0xd7ff], [0xe000, 0xffff], [0x1f300, 0x1faff]]).filter((each) => !unseen.has(each));

const noSpace = "must hold no white space and no control characters";
const noControl = "must hold no control characters";
const noSpaceAtEnds = "must hold no white space at its ends";

test("what nobody sees in a number is refused, what people write is not", async () => {
  await using service = await startService();
  const wanted = [
    ...[...unseen].map((character) => [{ refundNo: `R${character}1` }, `refund_no: ${noSpace}`] as const),
    ...[...unseen].map((character) =>
      [{ refundNo: "R1", nonceStr: `${character}n` }, `nonce_str: ${noSpace}`] as const
    ),
    ...controls.map((character) => [{ bizRefundNo: `B${character}1` }, `biz_refund_no: ${noControl}`] as const),
    ...spaces.map((character) => [{ bizRefundNo: `${character}B1` }, `biz_refund_no: ${noSpaceAtEnds}`] as const),
    ...spaces.map((character) => [{ bizRefundNo: `B1${character}` }, `biz_refund_no: ${noSpaceAtEnds}`] as const),
    ...spaces.map((character) => [{ bizRefundNo: `B${character}1` }, "heard"] as const),
    ...["退款-二〇二五，１号", "né_à/Ωж#1", "🧾💴", "¡\u2010\u2070、^]\\-$", "𠮷"].flatMap((text) => [
      [{ refundNo: text, nonceStr: text }, "heard"] as const,
      [{ bizRefundNo: text }, "heard"] as const,
    ]),
  ];
  const found: string[] = [];
  for await (const { index, outcome } of service.client.batchSyncRefunds({ requests: wanted.map(([item]) => item) })) {
    const refused = outcome.case === "failure" && outcome.value.reason === FailureReason.INVALID_REQUEST;
    found[index] = refused ? outcome.value.daxpayMessage : "heard";
  }
  expect(found).toEqual(wanted.map(([, words]) => words));
});

/** The service's engine, and the one that protovalidate promises to the rules' readers in other languages. */
const engines = { "the service's": createRuleValidator(), "RE2": createValidator() };

test.each(Object.entries(engines))("%s engine tells every character apart", (_, validator) => {
  for (const schema of [SyncRefundRequestSchema, WatchRefundRequestSchema]) {
    const broken = (numbers: { refundNo?: string; bizRefundNo?: string; nonceStr?: string }) => {
      const { error, violations } = validator.validate(schema, create(schema, numbers));
      if (error && !violations) throw error;
      return (violations ?? []).map(({ ruleId }) => ruleId).filter((id) => id !== "string.max_len");
    };
    const text = others.join("");
    expect(broken({ refundNo: text, bizRefundNo: text, nonceStr: text })).toEqual([]);
    const missed = [
      ...[...unseen].filter((character) => !broken({ refundNo: character }).includes("refund_no.characters")),
      ...controls.filter((character) => !broken({ bizRefundNo: character }).includes("biz_refund_no.characters")),
      ...spaces.filter((character) => `${broken({ bizRefundNo: character })}` !== "biz_refund_no.ends"),
    ];
    expect(missed).toEqual([]);
  }
});
