import { Code } from "@connectrpc/connect";
import { Delivery, FailureReason, Step } from "../gen/daxpay/refundsync/v1/sync_failure_pb.ts";
import { durationText } from "./duration.ts";
import { Fact, Facts, Identifier, UntrustedText } from "./facts.tsx";
import { useMessages } from "./i18n/locale.ts";
import { Icon } from "./icon.tsx";
import { codeOf, type FailedOutcome, failureMessages, isInvalidRequest, retryDelayMs } from "./outcome.ts";
import { useLeft } from "./time.tsx";

interface FailureCardProps {
  readonly outcome: FailedOutcome;
  /** When the page received it, in epoch milliseconds. */
  readonly receivedAt: number;
  readonly onRetry?: () => void;
}

/** What failed, whether DaxPay received the sync, and whether and when to retry. */
export function FailureCard({ outcome, receivedAt, onRetry }: FailureCardProps) {
  const messages = useMessages();
  const { failed: labels } = messages;
  const { title, meaning, next } = failureMessages(outcome, messages);
  const failure = outcome.case === "failure" ? outcome.value : undefined;
  const quote = failure?.daxpayMessage || (isInvalidRequest(outcome) && messageOf(outcome));
  return (
    <article class="card noState">
      <header>
        <Icon kind="noState" />
        <div>
          <h2>{title}</h2>
          <p>{meaning}</p>
          {quote && (
            <blockquote>
              <UntrustedText text={quote} multiline />
            </blockquote>
          )}
        </div>
      </header>
      <Facts>
        <Fact name={labels.next}>{next}</Fact>
        <Fact name={labels.retry}>
          <Retry delayMs={retryDelayMs(outcome)} receivedAt={receivedAt} onRetry={onRetry} />
        </Fact>
        <Fact name={labels.received}>
          {messages.delivery[failure?.delivery ?? Delivery.UNSPECIFIED] ?? messages.delivery[Delivery.UNSPECIFIED]}
        </Fact>
        {failure && failure.step !== Step.UNSPECIFIED && (
          <Fact name={labels.step}>{messages.step[failure.step] ?? failure.step}</Fact>
        )}
      </Facts>
      <Details outcome={outcome} />
    </article>
  );
}

/** The service's own description. */
function messageOf(outcome: FailedOutcome): string {
  return outcome.error?.rawMessage ?? (outcome.case === "failure" ? outcome.value.message : "");
}

interface RetryProps {
  /** Milliseconds; undefined where a retry fails again. */
  readonly delayMs: number | undefined;
  readonly receivedAt: number;
  readonly onRetry: (() => void) | undefined;
}

function Retry({ delayMs, receivedAt, onRetry }: RetryProps) {
  const { failed, languageTag } = useMessages();
  const left = useLeft(delayMs === undefined ? undefined : receivedAt + delayMs);
  if (delayMs === undefined) return <p>{failed.notRetryable}</p>;
  return (
    <p class="retry">
      <span>{left > 0 ? failed.retryIn(durationText(left, languageTag)) : failed.retryNow}</span>
      {onRetry && <button type="button" onClick={onRetry}>{failed.retry}</button>}
    </p>
  );
}

function Details({ outcome }: { outcome: FailedOutcome }) {
  const { failed: labels, refund } = useMessages();
  const failure = outcome.case === "failure" ? outcome.value : undefined;
  const code = codeOf(outcome);
  return (
    <details>
      <summary>{labels.details}</summary>
      <Facts>
        {failure && (
          <>
            <Fact name={labels.reason}>
              <code>{FailureReason[failure.reason] ?? failure.reason}</code>
            </Fact>
            <Fact name={labels.delivery}>
              <code>{Delivery[failure.delivery] ?? failure.delivery}</code>
            </Fact>
          </>
        )}
        <Fact name={labels.code}>
          <code>{Code[code] ?? code}</code>
        </Fact>
        <Fact name={labels.message}>
          <UntrustedText text={messageOf(outcome)} multiline />
        </Fact>
        {failure?.daxpayCode !== undefined && (
          <Fact name={labels.daxpayCode}>
            <code>{failure.daxpayCode}</code>
          </Fact>
        )}
        {failure?.daxpayMessage && (
          <Fact name={labels.daxpayMessage}>
            <UntrustedText text={failure.daxpayMessage} multiline />
          </Fact>
        )}
        {failure && (
          <Fact name={refund.traceId}>
            <Identifier text={failure.daxpayTraceId} what={refund.traceId} />
          </Fact>
        )}
      </Facts>
    </details>
  );
}
