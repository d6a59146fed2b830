import { useLayoutEffect, useRef, useState } from "preact/hooks";
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
  const field = useRef<HTMLInputElement>(null);

  useLayoutEffect(() => {
    if (!refundRef) return field.current?.focus();
    setNumber(refundRef.number);
    setKind(refundRef.kind);
    setMissing(false);
  }, [refundRef?.number, refundRef?.kind]);

  function submit(target: View, text: string) {
    const trimmed = text.trim();
    setMissing(trimmed === "");
    if (trimmed === "") field.current?.focus();
    else onSubmit(target, { kind, number: trimmed });
  }

  function paste(event: ClipboardEvent) {
    const target = event.target instanceof Element ? event.target : undefined;
    if (target?.closest("input, textarea") && (target !== field.current || number !== "")) return;
    const text = event.clipboardData?.getData("text/plain").trim() ?? "";
    const isList = /[\r\n]/.test(text);
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
            aria-invalid={missing}
            aria-describedby={missing ? "number-missing" : "number-hint"}
            onInput={(event) => setNumber(event.currentTarget.value)}
          />
          <button type="submit" class="main">{messages.form[view]}</button>
          {view === "sync" && (
            <button type="button" onClick={() => submit("watch", number)}>{messages.form.watch}</button>
          )}
        </div>
        {missing
          ? <p class="error" id="number-missing" role="alert">{messages.form.missing}</p>
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
