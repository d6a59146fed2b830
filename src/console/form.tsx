import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Named } from "./route.ts";
import { useWords } from "./words/choose.ts";

interface NumberFormProps {
  readonly view: "sync" | "watch";
  readonly named: Named | undefined;
  readonly clientIp: string;
  readonly onClientIp: (address: string) => void;
  readonly onGo: (view: "sync" | "watch", named: Named) => void;
  /** Takes a pasted list. */
  readonly onList: (text: string) => void;
}

/** The longest number of either kind, in characters. */
const MOST = 100;

/** Names one refund: typed, or pasted anywhere on the page. */
export function NumberForm({ view, named, clientIp, onClientIp, onGo, onList }: NumberFormProps) {
  const words = useWords();
  const [number, setNumber] = useState(named?.number ?? "");
  const [kind, setKind] = useState<Named["kind"]>(named?.kind ?? "refundNo");
  const [missing, setMissing] = useState(false);
  const field = useRef<HTMLInputElement>(null);

  useLayoutEffect(() => {
    if (!named) return field.current?.focus();
    setNumber(named.number);
    setKind(named.kind);
    setMissing(false);
  }, [named?.number, named?.kind]);

  function go(goal: "sync" | "watch", text: string) {
    const trimmed = text.trim();
    setMissing(trimmed === "");
    if (trimmed === "") field.current?.focus();
    else onGo(goal, { kind, number: trimmed });
  }

  function paste(event: ClipboardEvent) {
    const target = event.target instanceof Element ? event.target : undefined;
    if (target?.closest("input, textarea") && (target !== field.current || number !== "")) return;
    const text = event.clipboardData?.getData("text/plain").trim() ?? "";
    const isList = /[\r\n]/.test(text);
    if (text === "" || (!isList && text.length > MOST)) return;
    event.preventDefault();
    if (isList) return onList(text);
    setNumber(text);
    go(view, text);
  }

  const onPaste = useRef(paste);
  onPaste.current = paste;
  useLayoutEffect(() => {
    const listen = (event: ClipboardEvent) => onPaste.current(event);
    document.addEventListener("paste", listen);
    return () => document.removeEventListener("paste", listen);
  }, []);

  return (
    <form
      class="number"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        go(view, number);
      }}
    >
      <div class="field">
        <label for="number">{words.form.number}</label>
        <div class="ask">
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
          <button type="submit" class="main">{words.form[view]}</button>
          {view === "sync" && <button type="button" onClick={() => go("watch", number)}>{words.form.watch}</button>}
        </div>
        {missing
          ? <p class="mistake" id="number-missing" role="alert">{words.form.missing}</p>
          : <p class="note" id="number-hint">{words.form.hint}</p>}
      </div>
      <KindChoice kind={kind} onKind={setKind} />
      <details open={clientIp !== ""}>
        <summary>{words.form.more}</summary>
        <div class="field">
          <label for="client-ip">{words.form.clientIp}</label>
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

/** Whose numbers they are: DaxPay cannot tell from the number alone. */
export function KindChoice({ kind, onKind }: { kind: Named["kind"]; onKind: (kind: Named["kind"]) => void }) {
  const words = useWords();
  return (
    <fieldset class="kind">
      <legend>{words.form.kind}</legend>
      {(["refundNo", "bizRefundNo"] as const).map((each) => (
        <label key={each}>
          <input type="radio" name="kind" value={each} checked={kind === each} onChange={() => onKind(each)} />
          {words.form[each]}
        </label>
      ))}
    </fieldset>
  );
}
