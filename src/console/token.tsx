import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { useMessages } from "./i18n/locale.ts";

interface TokenFormProps {
  /** Whether the request had no token or a wrong one. */
  readonly reason: "missing" | "wrong";
  readonly onToken: (token: string) => void;
}

/** Visible ASCII, as a header may hold it. */
const TOKEN = /^[\x21-\x7e]+$/;

export function TokenForm({ reason, onToken }: TokenFormProps) {
  const { token: texts } = useMessages();
  const field = useRef<HTMLInputElement>(null);
  const [invalid, setInvalid] = useState(false);
  useLayoutEffect(() => field.current?.focus(), []);

  return (
    <form
      class="card token"
      noValidate
      aria-labelledby="token-heading"
      onSubmit={(event) => {
        event.preventDefault();
        const token = field.current?.value.trim() ?? "";
        setInvalid(!TOKEN.test(token));
        if (TOKEN.test(token)) onToken(token);
        else field.current?.focus();
      }}
    >
      <h2 id="token-heading">{texts.heading}</h2>
      <p role="alert">{texts[reason]}</p>
      <div class="field">
        <label for="token">{texts.label}</label>
        <input
          ref={field}
          id="token"
          type="password"
          autocomplete="off"
          aria-invalid={invalid}
          aria-describedby={invalid ? "token-invalid token-note" : "token-note"}
        />
        {invalid && <p class="error" id="token-invalid">{texts.invalid}</p>}
        <p class="note" id="token-note">{texts.note}</p>
      </div>
      <p class="buttons">
        <button type="submit" class="main">{texts.use}</button>
      </p>
    </form>
  );
}
