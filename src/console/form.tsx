import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { doubtIn } from "../util/doubtful-number.ts";
import { numberIn } from "./batch/cell.ts";
import { listFrom } from "./batch/list.ts";
import { select } from "./batch/selection.ts";
import { useMessages } from "./i18n/locale.ts";
import type { RefundRef } from "./route.ts";

type View = "sync" | "watch";

interface RefundFormProps {
  readonly view: View;
  readonly refundRef: RefundRef | undefined;
  readonly clientIp: string;
  readonly onClientIp: (address: string) => void;
  readonly onSubmit: (view: View, refundRef: RefundRef) => void;
  /** Receives a pasted list. */
  readonly onList: (text: string) => void;
}

/** Maximum length of a number, in characters. */
const MAX_LENGTH = 100;

/** Takes the number of one refund: typed, or pasted anywhere on the page. */
export function RefundForm({ view, refundRef, clientIp, onClientIp, onSubmit, onList }: RefundFormProps) {
  const messages = useMessages();
  const [number, setNumber] = useState(refundRef?.number ?? "");
  const [kind, setKind] = useState<RefundRef["kind"]>(refundRef?.kind ?? "refundNo");
  const [missing, setMissing] = useState(false);
  /** A doubtful number that was submitted, and where to. */
  const [doubtful, setDoubtful] = useState<{ readonly target: View; readonly number: string }>();
  const field = useRef<HTMLInputElement>(null);

  useLayoutEffect(() => {
    if (!refundRef) return field.current?.focus();
    setNumber(refundRef.number);
    setKind(refundRef.kind);
    setMissing(false);
    setDoubtful(undefined);
  }, [refundRef?.number, refundRef?.kind]);

  function submit(target: View, text: string) {
    const number = numberIn(text);
    const doubt = doubtIn(number);
    setMissing(number === "");
    setDoubtful(doubt && { target, number });
    if (number === "" || doubt) field.current?.focus();
    else onSubmit(target, { kind, number });
  }

  function confirm() {
    if (!doubtful) return;
    setDoubtful(undefined);
    onSubmit(doubtful.target, { kind, number: doubtful.number });
  }

  function paste(event: ClipboardEvent) {
    const target = event.target instanceof Element ? event.target : undefined;
    if (target?.closest("input, textarea") && (target !== field.current || number !== "")) return;
    const text = event.clipboardData?.getData("text/plain").trim() ?? "";
    const isList = /[\r\n]/.test(text) || holdsNumbers(text);
    if (text === "" || (!isList && text.length > MAX_LENGTH)) return;
    event.preventDefault();
    if (isList) return onList(text);
    setNumber(text);
    submit(view, text);
  }

  const onPaste = useRef(paste);
  onPaste.current = paste;
  useLayoutEffect(() => {
    const listener = (event: ClipboardEvent) => onPaste.current(event);
    document.addEventListener("paste", listener);
    return () => document.removeEventListener("paste", listener);
  }, []);

  return (
    <form
      class="number"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        submit(view, number);
      }}
    >
      <div class="field">
        <label for="number">{messages.form.number}</label>
        <div class="field-row">
          <input
            ref={field}
            id="number"
            type="text"
            value={number}
            autocomplete="off"
            autocapitalize="off"
            spellcheck={false}
            dir="auto"
            required
            aria-invalid={missing || doubtful !== undefined}
            aria-describedby={missing ? "number-missing" : doubtful ? "number-doubtful" : "number-hint"}
            onInput={(event) => {
              setNumber(event.currentTarget.value);
              setDoubtful(undefined);
            }}
          />
          <button type="submit" class="main">{messages.form[view]}</button>
          {view === "sync" && (
            <button type="button" onClick={() => submit("watch", number)}>{messages.form.watch}</button>
          )}
        </div>
        {missing
          ? <p class="error" id="number-missing" role="alert">{messages.form.missing}</p>
          : doubtful
          ? <DoubtfulNumber number={doubtful.number} onConfirm={confirm} />
          : <p class="note" id="number-hint">{messages.form.hint}</p>}
      </div>
      <KindChoice kind={kind} onKind={setKind} />
      <details open={clientIp !== ""}>
        <summary>{messages.form.more}</summary>
        <div class="field">
          <label for="client-ip">{messages.form.clientIp}</label>
          <input
            id="client-ip"
            type="text"
            value={clientIp}
            autocomplete="off"
            spellcheck={false}
            onInput={(event) => onClientIp(event.currentTarget.value)}
          />
        </div>
      </details>
    </form>
  );
}

/** Whether a text of one line holds several numbers. */
function holdsNumbers(text: string): boolean {
  const { numbers, doubtful, skipped } = select(listFrom(text), "all");
  return numbers.length + doubtful.length + skipped.length > 1;
}

/** Says why a number is doubtful, and takes the confirmation of one that may be right all the same. */
function DoubtfulNumber({ number, onConfirm }: { number: string; onConfirm: () => void }) {
  const { doubt: texts, form } = useMessages();
  const doubt = doubtIn(number);
  if (!doubt) return null;
  return (
    <>
      <p class="error" id="number-doubtful" role="alert">{texts[doubt.kind]} {form.doubtAdvice}</p>
      {!doubt.certain && (
        <p class="buttons">
          <button type="button" onClick={onConfirm}>{form.confirm}</button>
        </p>
      )}
    </>
  );
}

/** Chooses between DaxPay's numbers and the merchant's, which look alike. */
export function KindChoice({ kind, onKind }: { kind: RefundRef["kind"]; onKind: (kind: RefundRef["kind"]) => void }) {
  const messages = useMessages();
  return (
    <fieldset class="kind">
      <legend>{messages.form.kind}</legend>
      {(["refundNo", "bizRefundNo"] as const).map((each) => (
        <label key={each}>
          <input type="radio" name="kind" value={each} checked={kind === each} onChange={() => onKind(each)} />
          {messages.form[each]}
        </label>
      ))}
    </fieldset>
  );
}
