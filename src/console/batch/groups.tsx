import { RefundStatus } from "../../gen/daxpay/refundsync/v1/refund_pb.ts";
import { useMessages } from "../i18n/locale.ts";
import { Icon } from "../icon.tsx";
import { countGroups, type Group } from "./filter.ts";
import type { Row } from "./row.ts";

/** The status that names a group. */
const STATUSES: Record<Exclude<Group, "waiting" | "noState">, RefundStatus> = {
  succeeded: RefundStatus.SUCCEEDED,
  progress: RefundStatus.IN_PROGRESS,
  failed: RefundStatus.FAILED,
  closed: RefundStatus.CLOSED,
  notFound: RefundStatus.NOT_FOUND_AT_CHANNEL,
  unknown: RefundStatus.UNKNOWN,
};
const GROUPS: readonly Group[] = [...Object.keys(STATUSES) as (keyof typeof STATUSES)[], "noState", "waiting"];

interface GroupsProps {
  readonly rows: readonly Row[];
  readonly selected: Group | undefined;
  readonly onSelect: (group: Group | undefined) => void;
  readonly running: boolean;
}

/** The number of rows in each state, as buttons that filter the table. */
export function Groups({ rows, selected, onSelect, running }: GroupsProps) {
  const messages = useMessages();
  const number = new Intl.NumberFormat(messages.languageTag);
  const counts = countGroups(rows);
  return (
    <fieldset class="groups">
      <legend>{messages.batch.show}</legend>
      <button type="button" aria-pressed={selected === undefined} onClick={() => onSelect(undefined)}>
        {messages.batch.all} <b>{number.format(rows.length)}</b>
      </button>
      {GROUPS.filter((group) => counts.has(group) || group === selected).map((group) => (
        <button
          key={group}
          type="button"
          class={group}
          data-group={group}
          aria-pressed={selected === group}
          onClick={() => onSelect(selected === group ? undefined : group)}
        >
          <Icon kind={group} />
          {groupName(group)} <b>{number.format(counts.get(group) ?? 0)}</b>
        </button>
      ))}
    </fieldset>
  );

  function groupName(group: Group): string {
    if (group === "waiting") return running ? messages.batch.waiting : messages.batch.noResult;
    if (group === "noState") return messages.batch.noState;
    return messages.status[STATUSES[group]].name;
  }
}
