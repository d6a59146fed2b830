import { durationMs, timestampDate } from "@bufbuild/protobuf/wkt";
import type { Refund } from "../gen/daxpay/refundsync/v1/refund_pb.ts";
import { durationText } from "./duration.ts";
import { Fact, Facts, Foreign, Identifier } from "./facts.tsx";
import { Icon } from "./icon.tsx";
import { chineseNameOf, markOf, statusWords } from "./outcome.ts";
import { Moment, useLeft } from "./time.tsx";
import { useWords } from "./words/choose.ts";

/** A refund's state with its evidence. */
export function RefundCard({ refund, learnedAt }: { refund: Refund; learnedAt: number }) {
  const words = useWords();
  const { name, meaning, next } = statusWords(refund, words);
  const mark = markOf({ case: "refund", value: refund });
  return (
    <article class={`card ${mark}`}>
      <header>
        <Icon mark={mark} />
        <div>
          <h2>{name}</h2>
          <p>{meaning}</p>
        </div>
        <span class="badge">{refund.final ? words.sync.final : words.sync.passing}</span>
      </header>
      <Facts>
        <Fact name={words.sync.next}>
          <p>{next}</p>
          {refund.nextSyncDelay && <NextSync until={learnedAt + durationMs(refund.nextSyncDelay)} />}
        </Fact>
        <Fact name={words.sync.daxpayWord}>
          <DaxPayWord refund={refund} />
        </Fact>
        <Fact name={words.sync.repliedAt}>
          {refund.replyTime ? <Moment at={timestampDate(refund.replyTime)} /> : words.sync.none}
        </Fact>
        <Fact name={words.sync.refundNo}>
          <Identifier text={refund.refundNo} what={words.sync.refundNo} />
        </Fact>
        <Fact name={words.sync.bizRefundNo}>
          <Identifier text={refund.bizRefundNo} what={words.sync.bizRefundNo} />
        </Fact>
        <Fact name={words.sync.traceId}>
          <Identifier text={refund.daxpayTraceId} what={words.sync.traceId} />
        </Fact>
      </Facts>
    </article>
  );
}

/** DaxPay's own spelling, and its Chinese name. */
export function DaxPayWord({ refund }: { refund: Refund }) {
  const chinese = chineseNameOf(refund);
  return (
    <span class="word">
      <code>
        <Foreign text={refund.daxpayStatus} />
      </code>
      {chinese && <span lang="zh">{chinese}</span>}
    </span>
  );
}

function NextSync({ until }: { until: number }) {
  const words = useWords();
  const left = useLeft(until);
  return <p class="note">{left > 0 ? words.sync.before(durationText(left, words.locale)) : words.sync.askable}</p>;
}
