import fc from "fast-check";
import process from "node:process";
import { expect, test } from "vitest";
import { type Release, RELEASE_NAMES, RELEASES } from "../../src/daxpay/release.ts";
import { REASONS } from "../../src/daxpay/failure.ts";
import { QUERY_3, QUERY_BETA4, read, readQuery, SIGNED_2, SIGNED_3, SIGNED_BETA4 } from "./replies.ts";
import { read4, readQuery4, vector } from "./v4.ts";

/** Bodies per run; `deno task fuzz` sets more. */
const RUNS = Number(process.env.FUZZ_RUNS ?? 3000);

const READERS = RELEASE_NAMES.flatMap((name): ((body: Uint8Array) => ReturnType<typeof read>)[] => {
  const { query, signing }: Release = RELEASES[name];
  if (signing === "rsa") return [read4, readQuery4];
  return [(body) => read(name, body), ...(query ? [(body: Uint8Array) => readQuery(name, body)] : [])];
});

const samples = fc.constantFrom(
  SIGNED_2,
  SIGNED_BETA4,
  SIGNED_3,
  QUERY_BETA4,
  QUERY_3,
  vector("sync-success-adjusted").body,
  vector("query-success-numbers").body,
  vector("error-unknown-refund").body,
  '{"msg":"退款同步处理中，请勿重复操作","code":10007,"data":null,"traceId":"v"}',
);

/** A body that begins as a genuine one and is cut, spliced or repeated. */
const mangled = fc.tuple(samples, fc.nat(400), fc.nat(400), fc.string({ unit: "binary" }))
  .map(([body, from, to, inserted]) => body.slice(0, from) + inserted + body.slice(to));

const member = fc.constantFrom(
  "code",
  "msg",
  "message",
  "data",
  "sign",
  "traceId",
  "resTime",
  "status",
  "orderStatus",
  "refundNo",
  "reqId",
  "amount",
  "finishTime",
);
const value: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  any: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constantFrom(0, 1, "0", "1", null, true, "refund_success", "success", 10007, 20041, 1715576198),
    fc.string(),
    fc.double(),
    fc.array(tie("any"), { maxLength: 4 }),
    fc.dictionary(fc.oneof(member, fc.string()), tie("any"), { maxKeys: 6 }),
  ),
})).any;

const body: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.json().map(encode),
  fc.dictionary(fc.oneof(member, fc.string()), value, { maxKeys: 8 }).map((object) => encode(JSON.stringify(object))),
  mangled.map(encode),
  fc.tuple(fc.constantFrom("[", '{"a":', '"', "\\u0000", "1", " "), fc.nat(70_000)).map(([text, times]) =>
    encode(text.repeat(Math.min(times, 70_000 / text.length)))
  ),
);

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

test(
  `readReply() and readQueryReply() return a typed result for each of ${RUNS} generated bodies, and no status without a signature`,
  () => {
    let reports = 0;
    const reasons = new Set<string>();
    fc.assert(
      fc.property(fc.constantFrom(...READERS), body, (reader, bytes) => {
        const reply = reader(bytes);
        if (reply.kind === "report") {
          reports++;
          // Only a whole genuine body, or one changed where no signature reaches, can get here.
          expect(reply.daxpayStatus).toMatch(/success/i);
        } else {
          reasons.add(reply.failure.reason);
          expect(REASONS).toHaveProperty(reply.failure.reason);
          expect(reply.failure.message.length).toBeLessThan(1000);
        }
      }),
      { numRuns: RUNS },
    );
    expect(reasons.size).toBeGreaterThan(2);
    console.log(`${RUNS} bodies: ${reports} verified, rejected as ${[...reasons].sort().join(", ")}`);
  },
  300_000,
);
