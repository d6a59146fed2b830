import type { Recorded } from "../../src/sandbox/record.ts";
import type { RefundView } from "../../src/sandbox/rows.ts";
import type { Sandbox } from "../../src/sandbox/sandbox.ts";
import type { FinalState } from "./chaos-outcome.ts";
import { pause } from "./chaos-pause.ts";

export interface BooksOptions {
  readonly sandbox: Sandbox;
  /** Whose syncs must not overlap: the refund's, or those of all refunds of its payment order. Defaults to the refund. */
  readonly subjectOf?: (refundNo: string) => string;
  /** Refunds that had ended before the run. */
  readonly ended?: readonly string[];
}

/** DaxPay's books, observed while refunds are synced. */
export interface Books extends Disposable {
  syncsInProgress(): readonly Recorded[];
  /** Ends the observation when DaxPay has processed everything that was sent. */
  close(): Promise<void>;
  /** What breaks the rules. */
  violations(): readonly string[];
  /** The final states that differ from the books. */
  contradictions(finals: Iterable<FinalState>): readonly string[];
}

/** Milliseconds between looks at the books. */
const LOOK_MS = 50;
/** The contract's names of DaxPay's final states. */
const STATUSES: Readonly<Partial<Record<RefundView["status"], string>>> = { close: "CLOSED", success: "SUCCEEDED" };

export function createBooks({ sandbox, subjectOf = (refundNo) => refundNo, ended = [] }: BooksOptions): Books {
  /** Syncs of each refund when it was first seen to have ended. */
  const syncsAtEnd = new Map<string, number>();
  /** Those whose syncs overlapped: where they do, only luck avoids a second credit. */
  const overlapping = new Set<string>();

  const syncsInProgress = () => sandbox.requests.filter(({ endpoint, outcome }) => endpoint === "sync" && !outcome);

  function look(): void {
    for (const { refundNo, status, syncs } of sandbox.refunds()) {
      if (isEnded(status) && !syncsAtEnd.has(refundNo)) syncsAtEnd.set(refundNo, syncs);
    }
    const synced = syncsInProgress().map(({ members }) => subjectOf(String(members?.refundNo)));
    const seen = new Set<string>();
    for (const subject of synced) {
      if (seen.has(subject)) overlapping.add(subject);
      seen.add(subject);
    }
  }

  look();
  const looks = setInterval(look, LOOK_MS);

  return {
    syncsInProgress,
    async close() {
      while (sandbox.requests.some(({ outcome }) => !outcome)) await pause(LOOK_MS);
      clearInterval(looks);
      look();
    },
    violations() {
      const violations = [...overlapping].map((subject) => `syncs of ${subject} overlapped in DaxPay`);
      const refunds = sandbox.refunds();
      if (refunds.every(({ syncs }) => syncs === 0)) {
        violations.push("no refund was synced, so that nothing was tested");
      }
      for (const { refundNo, status, credits, syncs } of refunds) {
        const allowed = status === "close" && !ended.includes(refundNo) ? 1 : 0;
        if (credits !== allowed) {
          violations.push(`${refundNo}, ${status}, was credited ${credits} times instead of ${allowed}`);
        }
        const syncsBefore = syncsAtEnd.get(refundNo) ?? syncs;
        if (syncs > syncsBefore) {
          violations.push(`${refundNo} was synced ${syncs - syncsBefore} times after it had ended`);
        }
      }
      return violations;
    },
    contradictions: (finals) =>
      Array.from(finals).flatMap(({ refundNo, status }) => {
        const booked = sandbox.refund(refundNo)?.status;
        if (booked && STATUSES[booked] === status) return [];
        return [`${refundNo}, ${booked}, was reported as finally ${status}`];
      }),
    [Symbol.dispose]: () => clearInterval(looks),
  };
}

/** Whether a further sync of a refund with this status could book its amount again. */
export function isEnded(status: RefundView["status"]): boolean {
  return Object.hasOwn(STATUSES, status);
}
