import { durationMs } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { isConnectionError } from "../client.ts";
import { Delivery, FailureReason } from "../gen/daxpay/refundsync/v1/sync_failure_pb.ts";
import { durationText } from "./duration.ts";
import { Fact, Facts, Foreign, Identifier } from "./facts.tsx";
import { Icon } from "./icon.tsx";
import { failureWords, type Outcome } from "./outcome.ts";
import { useLeft } from "./time.tsx";
import { useWords } from "./words/choose.ts";

type Failed = Exclude<Outcome, { case: "refund" }>;

interface FailureCardProps {
  readonly outcome: Failed;
  /** When the page learned of it, in milliseconds since 1970. */
  readonly learnedAt: number;
  readonly onRetry?: () => void;
}

/** Codes after which the same call may do better; a failure of DaxPay's says so itself. */
const PASSING: readonly Code[] = [Code.Unavailable, Code.DeadlineExceeded, Code.ResourceExhausted, Code.Aborted];

/** What happened, whether DaxPay heard of it, whether and when to try again; the rest folded away. */
export function FailureCard({ outcome, learnedAt, onRetry }: FailureCardProps) {
  const words = useWords();
  const { title, what, next } = failureWords(outcome, words);
  const delivery = outcome.case === "failure" ? outcome.value.delivery : Delivery.UNSPECIFIED;
  const ownWords = outcome.case === "error" && outcome.error.code === Code.InvalidArgument
    ? outcome.error.rawMessage
    : outcome.case === "failure" && outcome.value.daxpayMessage;
  return (
    <article class="card silent">
      <header>
        <Icon mark="silent" />
        <div>
          <h2>{title}</h2>
          <p>{what}</p>
          {ownWords && (
            <blockquote>
              <Foreign text={ownWords} />
            </blockquote>
          )}
        </div>
      </header>
      <Facts>
        <Fact name={words.failed.heard}>{words.delivery[delivery] ?? words.delivery[Delivery.UNSPECIFIED]}</Fact>
        <Fact name={words.failed.next}>{next}</Fact>
        <Fact name={words.failed.again}>
          <Retry waitMs={retryAfterMs(outcome)} learnedAt={learnedAt} onRetry={onRetry} />
        </Fact>
      </Facts>
      <Details outcome={outcome} />
    </article>
  );
}

/** Milliseconds; undefined where the same call would fail again. */
function retryAfterMs(outcome: Failed): number | undefined {
  if (outcome.case === "failure") return outcome.value.retryDelay && durationMs(outcome.value.retryDelay);
  return isConnectionError(outcome.error) || PASSING.includes(outcome.error.code) ? 0 : undefined;
}

interface RetryProps {
  readonly waitMs: number | undefined;
  readonly learnedAt: number;
  readonly onRetry: (() => void) | undefined;
}

function Retry({ waitMs, learnedAt, onRetry }: RetryProps) {
  const words = useWords();
  const left = useLeft(waitMs === undefined ? undefined : learnedAt + waitMs);
  if (waitMs === undefined) return <p>{words.retry.useless}</p>;
  return (
    <p class="retry">
      <span>{left > 0 ? words.retry.in(durationText(left, words.locale)) : words.retry.now}</span>
      {onRetry && <button type="button" onClick={onRetry}>{words.retry.button}</button>}
    </p>
  );
}

function Details({ outcome }: { outcome: Failed }) {
  const words = useWords();
  const failure = outcome.case === "failure" ? outcome.value : undefined;
  return (
    <details>
      <summary>{words.failed.details}</summary>
      <Facts>
        {failure && (
          <>
            <Fact name={words.failed.reason}>
              <code>{FailureReason[failure.reason] ?? failure.reason}</code>
            </Fact>
            <Fact name={words.failed.deliveryName}>
              <code>{Delivery[failure.delivery] ?? failure.delivery}</code>
            </Fact>
            {failure.daxpayCode !== undefined && (
              <Fact name={words.failed.daxpayCode}>
                <code>{failure.daxpayCode}</code>
              </Fact>
            )}
            {failure.daxpayMessage && (
              <Fact name={words.failed.daxpayText}>
                <Foreign text={failure.daxpayMessage} />
              </Fact>
            )}
            <Fact name={words.sync.traceId}>
              <Identifier text={failure.daxpayTraceId} what={words.sync.traceId} />
            </Fact>
          </>
        )}
        {outcome.error && (
          <>
            <Fact name={words.failed.code}>
              <code>{Code[outcome.error.code]}</code>
            </Fact>
            <Fact name={words.failed.message}>
              <Foreign text={outcome.error.rawMessage} />
            </Fact>
          </>
        )}
      </Facts>
    </details>
  );
}
