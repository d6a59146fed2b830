import { RefundStatus } from "../../gen/daxpay/refundsync/v1/refund_pb.ts";
import { Icon } from "../icon.tsx";
import { useWords } from "../words/choose.ts";
import type { Row } from "./run.ts";
import { countGroups, type Group } from "./sift.ts";

/** The status whose name a group has. */
const STATUS_OF: Record<Exclude<Group, "waiting" | "silent">, RefundStatus> = {
  succeeded: RefundStatus.SUCCEEDED,
  progress: RefundStatus.IN_PROGRESS,
  failed: RefundStatus.FAILED,
  closed: RefundStatus.CLOSED,
  missing: RefundStatus.NOT_FOUND_AT_CHANNEL,
  unknown: RefundStatus.UNKNOWN,
};
const GROUPS: readonly Group[] = [...Object.keys(STATUS_OF) as (keyof typeof STATUS_OF)[], "silent", "waiting"];

interface GroupsProps {
  readonly rows: readonly Row[];
  readonly chosen: Group | undefined;
  readonly onChoose: (group: Group | undefined) => void;
  readonly running: boolean;
}

/** How many rows are in each state; choosing one shows only these. */
export function Groups({ rows, chosen, onChoose, running }: GroupsProps) {
  const words = useWords();
  const number = new Intl.NumberFormat(words.locale);
  const counts = countGroups(rows);
  return (
    <fieldset class="groups">
      <legend>{words.batch.show}</legend>
      <button type="button" aria-pressed={chosen === undefined} onClick={() => onChoose(undefined)}>
        {words.batch.all} <b>{number.format(rows.length)}</b>
      </button>
      {GROUPS.filter((group) => counts.has(group) || group === chosen).map((group) => (
        <button
          key={group}
          type="button"
          class={group}
          data-group={group}
          aria-pressed={chosen === group}
          onClick={() => onChoose(chosen === group ? undefined : group)}
        >
          <Icon mark={group} />
          {groupName(group)} <b>{number.format(counts.get(group) ?? 0)}</b>
        </button>
      ))}
    </fieldset>
  );

  function groupName(group: Group): string {
    if (group === "waiting") return running ? words.batch.waiting : words.batch.unanswered;
    if (group === "silent") return words.batch.failures;
    return words.status[STATUS_OF[group]].name;
  }
}
