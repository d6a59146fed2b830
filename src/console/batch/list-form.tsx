import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { KindChoice } from "../form.tsx";
import { useMessages } from "../i18n/locale.ts";
import type { RefundRef } from "../route.ts";
import { LineList } from "./line-list.tsx";
import { type Column, decodeText, listFrom } from "./list.ts";
import { select, type SkipReason } from "./selection.ts";

/** What every spreadsheet and bill holds besides numbers. */
const EXPECTED: ReadonlySet<SkipReason> = new Set(["comment", "separator", "header"]);

interface ListFormProps {
  readonly text: string;
  readonly onText: (text: string) => void;
  readonly onStart: (refunds: readonly RefundRef[]) => void;
}

/** Takes a list: typed, pasted, dropped or from a file. */
export function ListForm({ text, onText, onStart }: ListFormProps) {
  const { batch, languageTag } = useMessages();
  const list = useMemo(() => listFrom(text), [text]);
  const [selectedColumn, setSelectedColumn] = useState<Column>();
  const [selectedKind, setSelectedKind] = useState<RefundRef["kind"]>();
  const [notText, setNotText] = useState(false);
  const [dragging, setDragging] = useState(false);
  const column = selectedColumn === undefined || (selectedColumn !== "all" && selectedColumn >= list.width)
    ? list.likelyColumn
    : selectedColumn;
  const kind = selectedKind ?? list.likelyKind ?? "refundNo";
  const { numbers, doubtful, skipped } = useMemo(() => select(list, column), [list, column]);
  /** The doubtful numbers that the user has confirmed: others than these are to be confirmed anew. */
  const [confirmed, setConfirmed] = useState<typeof doubtful>();
  const isConfirmed = doubtful.length > 0 && confirmed === doubtful;
  const count = numbers.length + (isConfirmed ? doubtful.length : 0);
  const { format } = new Intl.NumberFormat(languageTag);

  function replaceText(next: string) {
    setSelectedColumn(undefined);
    setSelectedKind(undefined);
    onText(next);
  }

  async function readFile(file: File | undefined) {
    if (!file) return;
    const content = decodeText(await file.arrayBuffer());
    setNotText(content === undefined);
    if (content !== undefined) replaceText(content);
  }

  const field = useRef<HTMLTextAreaElement>(null);
  useLayoutEffect(() => field.current?.focus(), []);
  const onFile = useRef(readFile);
  onFile.current = readFile;
  useLayoutEffect(() => listenForDrops({ onDragging: setDragging, onFile: (file) => onFile.current(file) }), []);

  return (
    <form
      class={dragging ? "list over" : "list"}
      onSubmit={(event) => {
        event.preventDefault();
        const all = isConfirmed ? [...numbers, ...doubtful.map(({ number }) => number)] : numbers;
        onStart(all.map((number) => ({ kind, number })));
      }}
    >
      <div class="field">
        <label for="list">{batch.list}</label>
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
        <label for="file">{batch.file}</label>
        <input
          id="file"
          class="visually-hidden"
          type="file"
          accept=".csv,.txt,.tsv,text/csv,text/plain"
          onChange={(event) => readFile(event.currentTarget.files?.[0])}
        />
      </p>
      {notText && <p class="error" role="alert">{batch.notText}</p>}
      {list.width > 1 && list.rows.length > 1 && (
        <p class="field">
          <label for="column">{batch.column}</label>
          <select
            id="column"
            value={column}
            onChange={({ currentTarget: { value } }) => setSelectedColumn(value === "all" ? value : Number(value))}
          >
            <option value="all">{batch.allColumns}</option>
            {Array.from(
              { length: list.width },
              (_, index) => (
                <option key={index} value={index}>{list.header?.[index] || batch.columnNumber(index + 1)}</option>
              ),
            )}
          </select>
        </p>
      )}
      <KindChoice kind={kind} onKind={setSelectedKind} />
      {doubtful.length > 0 && (
        <fieldset class="doubtful">
          <legend>{batch.doubtful(format(doubtful.length))}</legend>
          <p>{batch.doubtfulAdvice}</p>
          <LineList key={text} lines={doubtful} />
          <label>
            <input
              type="checkbox"
              checked={isConfirmed}
              onChange={(event) => setConfirmed(event.currentTarget.checked ? doubtful : undefined)}
            />
            {batch.confirm(format(doubtful.length))}
          </label>
        </fieldset>
      )}
      {skipped.length > 0 && (
        <details class="skipped" open={skipped.some(({ reason }) => !EXPECTED.has(reason))}>
          <summary>{batch.skipped(format(skipped.length))}</summary>
          <LineList key={text} lines={skipped} />
        </details>
      )}
      <p class="note" role="status">
        {[
          batch.count(format(numbers.length)),
          doubtful.length > 0 && batch.doubtful(format(doubtful.length)),
          skipped.length > 0 && batch.skipped(format(skipped.length)),
        ].filter(Boolean).join(" · ")}
      </p>
      <p class="buttons">
        <button type="submit" class="main" disabled={count === 0}>
          {batch.start(format(count))}
        </button>
      </p>
    </form>
  );
}

interface DropListener {
  readonly onDragging: (dragging: boolean) => void;
  readonly onFile: (file: File | undefined) => void;
}

/**
 * Accepts files dropped anywhere on the page; the browser would otherwise open a file that misses the field. Returns a
 * function that removes the listeners.
 */
function listenForDrops({ onDragging, onFile }: DropListener): () => void {
  const abort = new AbortController();
  const { signal } = abort;
  const onDragOver = (event: DragEvent) => {
    event.preventDefault();
    onDragging(true);
  };
  const onDrop = (event: DragEvent) => {
    event.preventDefault();
    onDragging(false);
    onFile(event.dataTransfer?.files[0]);
  };
  document.addEventListener("dragover", onDragOver, { signal });
  document.addEventListener("dragleave", () => onDragging(false), { signal });
  document.addEventListener("drop", onDrop, { signal });
  return () => abort.abort();
}
