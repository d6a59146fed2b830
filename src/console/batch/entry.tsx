import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { KindChoice } from "../form.tsx";
import type { Named } from "../route.ts";
import { useWords } from "../words/choose.ts";
import { decodeText, likelyColumn, listFrom, numbersFrom } from "./list.ts";

interface ListEntryProps {
  readonly text: string;
  readonly onText: (text: string) => void;
  readonly onStart: (all: readonly Named[]) => void;
}

/** Takes a list: typed, pasted, dropped or from a file. */
export function ListEntry({ text, onText, onStart }: ListEntryProps) {
  const words = useWords();
  const list = listFrom(text);
  const likely = likelyColumn(list);
  const [chosen, setChosen] = useState<number>();
  const [kind, setKind] = useState<Named["kind"]>();
  const [unreadable, setUnreadable] = useState(false);
  const [over, setOver] = useState(false);
  const column = chosen !== undefined && chosen < list.width ? chosen : likely.index;
  const wanted = kind ?? likely.kind ?? "refundNo";
  const { numbers, repeated } = numbersFrom(list, column);
  const count = (value: number) => new Intl.NumberFormat(words.locale).format(value);

  function take(next: string) {
    setChosen(undefined);
    setKind(undefined);
    onText(next);
  }

  async function read(file: File | undefined) {
    if (!file) return;
    const content = decodeText(await file.arrayBuffer());
    setUnreadable(content === undefined);
    if (content !== undefined) take(content);
  }

  const field = useRef<HTMLTextAreaElement>(null);
  useLayoutEffect(() => field.current?.focus(), []);
  const onFile = useRef(read);
  onFile.current = read;
  useLayoutEffect(() => dropped({ over: setOver, file: (file) => onFile.current(file) }), []);

  return (
    <form
      class={over ? "list over" : "list"}
      onSubmit={(event) => {
        event.preventDefault();
        onStart(numbers.map((number) => ({ kind: wanted, number })));
      }}
    >
      <div class="field">
        <label for="list">{words.batch.list}</label>
        <textarea
          ref={field}
          id="list"
          rows={10}
          value={text}
          spellcheck={false}
          autocomplete="off"
          onInput={(event) => onText(event.currentTarget.value)}
        />
      </div>
      <p class="file">
        <label for="file">{words.batch.file}</label>
        <input
          id="file"
          class="unseen"
          type="file"
          accept=".csv,.txt,.tsv,text/csv,text/plain"
          onChange={(event) => read(event.currentTarget.files?.[0])}
        />
      </p>
      {unreadable && <p class="mistake" role="alert">{words.batch.unreadable}</p>}
      {list.width > 1 && (
        <p class="field">
          <label for="column">{words.batch.column}</label>
          <select id="column" value={column} onChange={(event) => setChosen(Number(event.currentTarget.value))}>
            {Array.from(
              { length: list.width },
              (_, index) => (
                <option key={index} value={index}>{list.header?.[index] || words.batch.columnNumber(index + 1)}</option>
              ),
            )}
          </select>
        </p>
      )}
      <KindChoice kind={wanted} onKind={setKind} />
      <p class="note" role="status">
        {words.batch.found(count(numbers.length))}
        {repeated > 0 && ` · ${words.batch.repeated(count(repeated))}`}
      </p>
      <p class="buttons">
        <button type="submit" class="main" disabled={numbers.length === 0}>
          {words.batch.start(count(numbers.length))}
        </button>
      </p>
    </form>
  );
}

interface DropListener {
  readonly over: (over: boolean) => void;
  readonly file: (file: File | undefined) => void;
}

/** Takes files dropped anywhere: beside the field, the browser would leave the page for them. Returns how to end it. */
function dropped({ over, file }: DropListener): () => void {
  const listening = new AbortController();
  const { signal } = listening;
  const hold = (event: DragEvent) => {
    event.preventDefault();
    over(true);
  };
  const drop = (event: DragEvent) => {
    event.preventDefault();
    over(false);
    file(event.dataTransfer?.files[0]);
  };
  document.addEventListener("dragover", hold, { signal });
  document.addEventListener("dragleave", () => over(false), { signal });
  document.addEventListener("drop", drop, { signal });
  return () => listening.abort();
}
