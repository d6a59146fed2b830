import { durationMs, type Timestamp as TimestampMessage, timestampDate } from "@bufbuild/protobuf/wkt";
import { Binding, type Refund } from "../gen/daxpay/refundsync/v1/refund_pb.ts";
import { durationText } from "./duration.ts";
import { Fact, Facts, Identifier, UntrustedText } from "./facts.tsx";
import { useMessages } from "./i18n/locale.ts";
import { Icon } from "./icon.tsx";
import { amountText } from "./money.ts";
import { adviceOf, chineseNameOf, kindOf, type RefundOutcome, statusMessages } from "./outcome.ts";
import { Timestamp, timestampText, useLeft } from "./time.tsx";

interface RefundCardProps {
  readonly outcome: RefundOutcome;
  /** When the page received it, in epoch milliseconds. */
  readonly receivedAt: number;
}

/** A refund's state, what to do about it, and what proves it. */
export function RefundCard({ outcome, receivedAt }: RefundCardProps) {
  const messages = useMessages();
  const { refund: labels } = messages;
  const { value: refund, contradicts } = outcome;
  const { meaning, next } = adviceOf(refund, messages);
  const kind = kindOf(outcome);
  return (
    <article class={`card ${kind}`}>
      <header>
        <Icon kind={kind} />
        <div>
          <h2>{statusMessages(refund, messages).name}</h2>
          <p>{meaning}</p>
        </div>
        <span class="badge">{refund.final ? labels.final : labels.notFinal}</span>
      </header>
      <Facts>
        {contradicts && <Contradiction earlier={contradicts} refund={refund} />}
        <Fact name={labels.next}>
          <p>{next}</p>
          {refund.nextSyncDelay && <NextSync until={receivedAt + durationMs(refund.nextSyncDelay)} />}
        </Fact>
        <Fact name={labels.daxpayStatus}>
          <DaxPayStatus refund={refund} />
        </Fact>
        {refund.amountFen !== undefined && (
          <Fact name={labels.amount}>{amountText(refund.amountFen, messages.languageTag)}</Fact>
        )}
        <TextFact name={labels.channel} text={refund.channel} />
        <TextFact name={labels.errorMessage} text={refund.errorMessage} />
        <TimeFact name={labels.finishTime} at={refund.finishTime} />
        <TimeFact name={labels.unchangedSince} at={refund.unchangedSince} />
        <TimeFact name={labels.replyTime} at={refund.replyTime} />
        <Fact name={labels.refundNo}>
          <Identifier text={refund.refundNo} what={labels.refundNo} />
        </Fact>
        <Fact name={labels.bizRefundNo}>
          <Identifier text={refund.bizRefundNo} what={labels.bizRefundNo} />
        </Fact>
        {refund.orderNo && (
          <Fact name={labels.orderNo}>
            <Identifier text={refund.orderNo} what={labels.orderNo} />
          </Fact>
        )}
        <TextFact name={labels.account} text={refund.account} />
        {refund.binding !== Binding.UNSPECIFIED && (
          <Fact name={labels.binding}>{messages.binding[refund.binding] ?? refund.binding}</Fact>
        )}
        <Fact name={labels.traceId}>
          <Identifier text={refund.daxpayTraceId} what={labels.traceId} />
        </Fact>
      </Facts>
    </article>
  );
}

function Contradiction({ earlier, refund }: { earlier: Refund; refund: Refund }) {
  const messages = useMessages();
  const { refund: labels } = messages;
  const orderNo = refund.orderNo || earlier.orderNo;
  const time = earlier.replyTime ? timestampText(timestampDate(earlier.replyTime), messages) : labels.none;
  return (
    <Fact name={labels.contradiction}>
      <div class="warning">
        <p>{labels.contradicts(statusMessages(earlier, messages).name, time)}</p>
        <p>{labels.checkOrder}</p>
        {orderNo && (
          <p>
            {labels.orderNo}: <UntrustedText text={orderNo} />
          </p>
        )}
      </div>
    </Fact>
  );
}

function TextFact({ name, text }: { name: string; text: string }) {
  if (text === "") return null;
  return (
    <Fact name={name}>
      <UntrustedText text={text} multiline />
    </Fact>
  );
}

function TimeFact({ name, at }: { name: string; at: TimestampMessage | undefined }) {
  if (!at) return null;
  return (
    <Fact name={name}>
      <Timestamp at={timestampDate(at)} />
    </Fact>
  );
}

/** DaxPay's raw status and its Chinese name. */
export function DaxPayStatus({ refund }: { refund: Refund }) {
  const chinese = chineseNameOf(refund);
  return (
    <span class="daxpay-status">
      <code>
        <UntrustedText text={refund.daxpayStatus} />
      </code>
      {chinese && <span lang="zh">{chinese}</span>}
    </span>
  );
}

function NextSync({ until }: { until: number }) {
  const { languageTag, refund } = useMessages();
  const left = useLeft(until);
  return <p class="note">{left > 0 ? refund.nextSyncIn(durationText(left, languageTag)) : refund.nextSyncNow}</p>;
}
