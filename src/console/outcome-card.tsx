import { FailureCard } from "./failure.tsx";
import type { Outcome } from "./outcome.ts";
import { RefundCard } from "./refund.tsx";

interface OutcomeCardProps {
  readonly outcome: Outcome;
  /** When the page received it, in epoch milliseconds. */
  readonly receivedAt: number;
  readonly onRetry?: () => void;
}

/** The card of an outcome of either kind. */
export function OutcomeCard({ outcome, receivedAt, onRetry }: OutcomeCardProps) {
  return outcome.case === "refund"
    ? <RefundCard outcome={outcome} receivedAt={receivedAt} />
    : <FailureCard outcome={outcome} receivedAt={receivedAt} onRetry={onRetry} />;
}
