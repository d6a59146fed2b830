import { describe, expect, test } from "vitest";
import type { DaxPay } from "../../src/daxpay/client.ts";
import { DaxPayFailure } from "../../src/daxpay/failure.ts";
import type { RefundReport } from "../../src/daxpay/reply.ts";
import { type Release, type ReleaseName, RELEASES } from "../../src/daxpay/release.ts";
import type { RefundQuery } from "../../src/daxpay/request.ts";
import type { RefundEvent } from "../../src/refund/event.ts";
import { createRefunds } from "../../src/refund/refunds.ts";
import { createManualClock, settle } from "../support/clock.ts";

/** What DaxPay says next: a word, or a failure; the last one repeats. */
type Say = string | DaxPayFailure;

const QUERY: RefundQuery = { refundNo: "R1", bizRefundNo: "", clientIp: "", nonceStr: "" };

/** The domain on a clock that stands still, in front of a DaxPay that says what it is told to. */
function start(says: readonly Say[], name: ReleaseName = "2.0.8") {
  const clock = createManualClock();
  const release: Release = RELEASES[name];
  const asked: { readonly at: number; readonly repeat: boolean }[] = [];
  const events: RefundEvent[] = [];
  const daxpay: DaxPay = {
    release,
    skewMs: () => 0,
    query: () => Promise.reject(new TypeError("expected no query")),
    [Symbol.dispose]() {},
    sync: (_query, options) => {
      asked.push({ at: clock.now(), repeat: options?.retry ?? false });
      const say = says[Math.min(asked.length, says.length) - 1];
      if (say instanceof DaxPayFailure) return Promise.reject(say);
      return Promise.resolve(report(say, clock.now()));
    },
  };
  const refunds = createRefunds({
    daxpay,
    rateLimit: { rate: 100_000, concurrency: 64 },
    schedule: { waits: [10_000, 30_000, 60_000, 60_000, 60_000, 300_000], jitter: 0 },
    clock,
    random: () => 0,
    onEvent: (event) => events.push(event),
  });
  /** Follows the refund and notes each outcome, and how it ended. */
  function watch(signal = new AbortController().signal, query = QUERY) {
    const seen: string[] = [];
    const done = (async () => {
      try {
        for await (const { attempt, outcome } of refunds.watch(query, signal)) {
          seen.push(`${attempt} ${outcome instanceof DaxPayFailure ? outcome.reason : outcome.daxpayStatus}`);
        }
        seen.push("end");
      } catch (error) {
        seen.push(`error ${error instanceof DaxPayFailure ? error.reason : (error as Error).message}`);
      }
    })();
    return { seen, done };
  }
  return { clock, asked, times: () => asked.map(({ at }) => at / 1000), events, refunds, watch };
}

function report(word: string, now: number): RefundReport {
  return {
    kind: "report",
    refundNo: undefined,
    bizRefundNo: undefined,
    daxpayStatus: word,
    repliedAt: now,
    daxpayTraceId: "t",
    skewMs: 0,
    binding: "SECRET_ONLY",
  };
}

describe("the schedule", () => {
  test("is exact: at 0, 10 s, 40 s, 1 m 40 s and so on, the last wait repeated", async () => {
    const { clock, times, watch } = start(["refund_progress"]);
    watch();
    await clock.advance(1_200_000);
    expect(times()).toEqual([0, 10, 40, 100, 160, 220, 520, 820, 1120]);
  });

  test("waits at least as long as the last answer asks for", async () => {
    const failure = new DaxPayFailure("CHANNEL_FAILED", "x");
    const { clock, times, watch } = start([failure, "refund_progress"]);
    const { seen } = watch();
    await clock.advance(90_000);
    expect(times()).toEqual([0, 60, 90]);
    expect(seen).toEqual(["1 CHANNEL_FAILED", "2 refund_progress", "3 refund_progress"]);
  });

  test("an unrecognized word is never final", async () => {
    const { clock, times, watch } = start(["refund_maybe"]);
    watch();
    await clock.advance(200_000);
    expect(times()).toEqual([0, 60, 120, 180]);
  });
});

describe("a watch ends", () => {
  test.each([["refund_success"], ["close"], ["pay_not_found"], ["refund_fail"]])("OK with %s", async (word) => {
    const { clock, watch } = start(["refund_progress", word]);
    const { seen, done } = watch();
    await clock.advance(10_000);
    await done;
    expect(seen).toEqual(["1 refund_progress", `2 ${word}`, "end"]);
    expect(clock.pendingTimers()).toBe(0);
  });

  test("with a failure that repeating will not help, after sending it", async () => {
    const { clock, watch } = start([new DaxPayFailure("SIGNATURE_REJECTED", "x")]);
    const { seen, done } = watch();
    await clock.advance(0);
    await done;
    expect(seen).toEqual(["1 SIGNATURE_REJECTED", "error SIGNATURE_REJECTED"]);
  });

  test("with its caller, leaving nothing behind", async () => {
    const { clock, watch, refunds, asked } = start(["refund_progress"]);
    const gone = new AbortController();
    const { seen, done } = watch(gone.signal);
    await clock.advance(15_000);
    gone.abort(new Error("gone"));
    await done;
    expect(seen).toEqual(["1 refund_progress", "2 refund_progress", "error gone"]);
    expect([clock.pendingTimers(), refunds.stats().watchers, refunds.stats().oldestWatch]).toEqual([0, 0, undefined]);
    await clock.advance(100_000);
    expect(asked.length).toBe(2);
  });

  test("when its reader stops, leaving nothing behind", async () => {
    const { clock, refunds, asked } = start(["refund_progress"]);
    const signal = new AbortController().signal;
    const reading = (async () => {
      for await (const { attempt } of refunds.watch(QUERY, signal)) if (attempt === 2) return;
    })();
    await clock.advance(10_000);
    await reading;
    expect([clock.pendingTimers(), refunds.stats().watchers, refunds.stats().oldestWatch]).toEqual([0, 0, undefined]);
    await clock.advance(100_000);
    expect(asked.length).toBe(2);
  });

  test("after a day, each at its own time, and the others' attempts keep theirs", async () => {
    const { clock, watch, refunds, times } = start(["refund_progress"]);
    const first = watch();
    await clock.advance(60_000);
    const second = watch();
    await clock.advance(86_340_000 - 1);
    expect(first.seen.at(-1)).toBe("293 refund_progress");
    await clock.advance(1);
    expect(first.seen.at(-1)).toBe("error The watch has lasted a day");
    expect([second.seen.at(-1), refunds.stats().watchers]).toEqual(["293 refund_progress", 1]);
    await clock.advance(60_000);
    expect(second.seen.at(-1)).toBe("error The watch has lasted a day");
    expect([clock.pendingTimers(), refunds.stats().watchers, refunds.stats().oldestWatch]).toEqual([0, 0, undefined]);
    expect(times().slice(-2)).toEqual([86_020, 86_320]);
  });
});

describe("watchers of one refund", () => {
  test("a thousand share one schedule and leave no timer", async () => {
    const { clock, watch, refunds, times } = start(["refund_progress"]);
    const callers = Array.from({ length: 1000 }, () => new AbortController());
    const watches = callers.map(({ signal }) => watch(signal));
    await clock.advance(40_000);
    expect(times()).toEqual([0, 10, 40]);
    expect(clock.pendingTimers()).toBe(1);
    expect(refunds.stats().watchers).toBe(1000);
    for (const caller of callers) caller.abort(new Error("gone"));
    await Promise.all(watches.map(({ done }) => done));
    expect(watches.every(({ seen }) => seen.length === 4)).toBe(true);
    expect([clock.pendingTimers(), refunds.stats().watchers, refunds.stats().inFlight]).toEqual([0, 0, 0]);
  });

  test("a late one begins with the last outcome, and outlives the first", async () => {
    const { clock, watch, times } = start(["refund_progress", "refund_progress", "refund_success"]);
    const gone = new AbortController();
    watch(gone.signal);
    await clock.advance(15_000);
    const late = watch();
    await clock.advance(0);
    expect(late.seen).toEqual(["2 refund_progress"]);
    gone.abort(new Error("gone"));
    await clock.advance(25_000);
    await late.done;
    expect(late.seen).toEqual(["2 refund_progress", "3 refund_success", "end"]);
    expect(times()).toEqual([0, 10, 40]);
  });

  test("a watch and a call at the same moment are one question", async () => {
    const { clock, watch, refunds, asked } = start(["refund_success"]);
    const { done } = watch();
    const unary = refunds.sync(QUERY, { signal: new AbortController().signal, timeoutMs: 1000 });
    await clock.advance(0);
    await done;
    expect((await unary).daxpayStatus).toBe("refund_success");
    expect(asked.length).toBe(1);
  });
});

describe("3.x", () => {
  test("a soft fail is final only after three more syncs have said the same", async () => {
    const { clock, watch, times } = start(["fail"], "3.0.0");
    const { seen, done } = watch();
    await clock.advance(200_000);
    await done;
    expect(seen).toEqual(["1 fail", "2 fail", "3 fail", "4 fail", "end"]);
    expect(times()).toEqual([0, 30, 60, 120]);
  });

  test("a fail that passes is no end", async () => {
    const { clock, watch } = start(["fail", "fail", "progress", "fail", "success"], "3.0.0");
    const { seen, done } = watch();
    await clock.advance(400_000);
    await done;
    expect(seen).toEqual(["1 fail", "2 fail", "3 progress", "4 fail", "5 success", "end"]);
  });

  test("a closed refund is never asked about again", async () => {
    const { refunds, asked, clock } = start(["close", "success"], "3.0.0");
    const caller = { signal: new AbortController().signal, timeoutMs: 1000 };
    const first = await refunds.sync(QUERY, caller);
    await clock.advance(500_000);
    expect(await refunds.sync(QUERY, caller)).toEqual(first);
    const again = { ...QUERY, clientIp: "127.0.0.1", nonceStr: "n" };
    expect((await refunds.sync(again, caller)).daxpayStatus).toBe("close");
    expect(asked.length).toBe(1);
  });
});

describe("what contradicts an earlier final state", () => {
  test("is reported, and the newer answer is what callers see", async () => {
    const { refunds, events } = start(["refund_success", "close", "close"]);
    const caller = { signal: new AbortController().signal, timeoutMs: 1000 };
    expect((await refunds.sync(QUERY, caller)).daxpayStatus).toBe("refund_success");
    expect((await refunds.sync(QUERY, caller)).daxpayStatus).toBe("close");
    expect((await refunds.sync(QUERY, caller)).daxpayStatus).toBe("close");
    const contradictions = events.filter(({ type }) => type === "contradicted");
    expect(contradictions).toMatchObject([{ before: { word: "refund_success" }, after: { word: "close" } }]);
  });
});

describe("repeating", () => {
  const caller = { signal: new AbortController().signal, timeoutMs: 60_000 };
  const lock = new DaxPayFailure("SYNC_IN_PROGRESS", "x");
  const unreachable = new DaxPayFailure("UPSTREAM_UNREACHABLE", "x");

  test("a held lock, with doubling waits, each time as a request of its own", async () => {
    const { refunds, clock, asked } = start([lock, lock, lock, "refund_success"]);
    const answer = refunds.sync(QUERY, caller);
    await clock.advance(7_000);
    expect((await answer).daxpayStatus).toBe("refund_success");
    expect(asked).toEqual([
      { at: 0, repeat: false },
      { at: 1000, repeat: true },
      { at: 3000, repeat: true },
      { at: 7000, repeat: true },
    ]);
  });

  test("what was not sent, at most three times", async () => {
    const { refunds, clock, times } = start([unreachable]);
    const answer = expect(refunds.sync(QUERY, caller)).rejects.toMatchObject({ reason: "UPSTREAM_UNREACHABLE" });
    await clock.advance(60_000);
    await answer;
    expect(times()).toEqual([0, 1, 3, 7]);
  });

  test("never beyond the caller's time: the failure comes at once", async () => {
    const { refunds, clock, times } = start([lock]);
    const answer = expect(refunds.sync(QUERY, { ...caller, timeoutMs: 2_500 })).rejects.toBe(lock);
    await clock.advance(1_000);
    await answer;
    expect(times()).toEqual([0, 1]);
    expect(clock.pendingTimers()).toBe(0);
  });

  const answered = [
    "REFUND_NOT_FOUND",
    "CHANNEL_FAILED",
    "INVALID_REQUEST",
    "CLOCK_SKEW",
    "SIGNATURE_REJECTED",
    "NOT_CONFIGURED",
    "UPSTREAM_ERROR",
    "UPSTREAM_TIMEOUT",
    "REPLY_INTERRUPTED",
    "REPLY_MALFORMED",
    "REPLY_UNVERIFIED",
    "REPLY_MISMATCHED",
    "UNKNOWN_DAXPAY_CODE",
  ] as const;
  test.each(answered)("never %s", async (reason) => {
    const { refunds, clock, asked } = start([new DaxPayFailure(reason, "x")]);
    const answer = expect(refunds.sync(QUERY, caller)).rejects.toMatchObject({ reason });
    await clock.advance(60_000);
    await answer;
    expect(asked.length).toBe(1);
  });
});

test("the circuit opens after five failures in a row and says when to come again", async () => {
  const { refunds, clock, asked } = start([new DaxPayFailure("UPSTREAM_ERROR", "x", { status: 502 })]);
  const ask = async (refundNo: string) => {
    const answer = refunds.sync({ ...QUERY, refundNo }, { signal: new AbortController().signal, timeoutMs: 1000 });
    answer.catch(() => {});
    await settle();
    await clock.advance(0);
    return await answer.catch((failure) => failure as DaxPayFailure);
  };
  for (let count = 0; count < 5; count++) await ask(`R${count}`);
  expect(refunds.stats().breaker).toBe("open");
  const failure = await ask("R6");
  expect(failure).toMatchObject({ reason: "UPSTREAM_UNREACHABLE", delivery: "NOT_SENT" });
  expect((failure as DaxPayFailure).retryDelayMs).toBeGreaterThanOrEqual(1000);
  expect(asked.length).toBe(5);
});
