import { type Release, RELEASE_NAMES, RELEASES } from "../daxpay/release.ts";
import { readQueryReply } from "../daxpay/reply.ts";
import type { Attempt } from "./attempt.ts";
import type { DoctorOptions, QueryMode } from "./options.ts";
import type { Probe } from "./probe.ts";
import { describeAnswer, describeReply } from "./quote.ts";
import { rejectionReason } from "./rejection.ts";
import { readResult } from "./reply.ts";
import { attemptOnce, type ProbeResult } from "./search.ts";
import { inconclusive, type Reason, type Step, step, warning } from "./step.ts";

const MODES: Readonly<Record<QueryMode, string>> = {
  auto: "sends it before each sync, and again to confirm a final state",
  around: "sends it before and after each sync",
  only: "sends it instead of every sync",
  off: "never sends it",
};

function describeMode(mode: QueryMode): string {
  return `DAXPAY_QUERY=${mode} ${MODES[mode]}`;
}

/** The attempt at the release's refund query; undefined if the release has none. */
export function queryAttempt(attempt: Attempt): Attempt | undefined {
  const { query }: Release = RELEASES[attempt.release];
  return query && { ...attempt, path: query.path };
}

/** Why the release cannot be queried, and which ones can. */
export function noQuery(release: Attempt["release"]): string {
  const others = RELEASE_NAMES.filter((name) => RELEASES[name].query).join(", ");
  return `${release} has no refund query that works (${others} have)`;
}

/**
 * Whether the read-only refund query works, which the service sends before each sync. `aheadMs` is how far DaxPay's clock
 * is ahead of ours.
 */
export async function checkQuery(
  attempt: Attempt,
  probe: Probe,
  options: DoctorOptions,
  aheadMs: number,
): Promise<Step> {
  const { queryMode } = options;
  const query = queryAttempt(attempt);
  if (!query) {
    const found = `${noQuery(attempt.release)}: every call syncs at once`;
    return queryMode === "only" ? warning("query", found, [ONLY_IGNORED]) : step("query", found);
  }
  const { query: api }: Release = RELEASES[attempt.release];
  if (queryMode === "auto" && !api?.auto) {
    return step(
      "query",
      `not needed: on ${attempt.release} a sync is harmless to repeat, and DAXPAY_QUERY=auto sends no query`,
    );
  }
  if (queryMode === "off") return step("query", `not checked: ${describeMode(queryMode)}`);
  const result = await attemptOnce(query, probe, { shiftMs: aheadMs });
  if (result.kind === "connectionFailure") return inconclusive("query", result.found);
  return queryStep(result, probe, options);
}

function queryStep(result: ProbeResult, probe: Probe, options: DoctorOptions): Step {
  const { interpretation, attempt } = result;
  const reading = readResult(result, probe.unknownRefund, options, readQueryReply);
  const reply = describeReply(interpretation);
  if (reading.kind === "failure" && reading.failure.reason === "REFUND_NOT_FOUND") {
    return step("query", `verified: ${reply}; ${describeMode(options.queryMode)}`);
  }
  const found = `${attempt.path} returned ${describeAnswer(result)}`;
  switch (interpretation.verdict) {
    case "notServed":
    case "notDaxPay":
    case "redirected":
      return step("query", found, [blocked(attempt.path)]);
    case "rejectedBeforeSignature":
      return step("query", found, [rejection(interpretation.text)]);
    case "failed":
      return inconclusive("query", found);
  }
  if (reading.kind === "failure" && reading.failure.reason === "NOT_CONFIGURED") {
    return step("query", found, [rejection(interpretation.text)]);
  }
  return step("query", `${found}, which is no verified reply for an unknown refund`, [UNREADABLE]);
}

const ONLY_IGNORED: Reason = {
  cause: "NO_QUERY",
  advice: "DAXPAY_QUERY=only has no effect without a query: this service does sync. Upgrade DaxPay, or set it to auto",
};

const UNREADABLE: Reason = {
  cause: "REPLY_UNREADABLE",
  advice:
    "The sync's reply was verified and the query's is not: check whether a proxy changes it or handles this path " +
    "otherwise",
};

function blocked(path: string): Reason {
  return {
    cause: "PATH_NOT_SERVED",
    advice: `Let the proxy in front of DaxPay pass ${path} too: every call fails without it${OR_OFF}`,
  };
}

function rejection(text: string): Reason {
  const { cause, advice } = rejectionReason(text);
  if (cause !== "NOT_ENABLED") return { cause, advice };
  return {
    cause,
    advice: `Switch the interface queryRefundOrder (查询退款订单) on in DaxPay's administration: every call fails ` +
      `without it${OR_OFF}`,
  };
}

const OR_OFF = ". On 2.x, DAXPAY_QUERY=off works without the query";
