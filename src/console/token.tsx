import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { useWords } from "./words/choose.ts";

interface TokenEntryProps {
  /** Whether a token was refused, or none was given. */
  readonly why: "missing" | "wrong";
  readonly onToken: (token: string) => void;
}

/** What a header may hold without a blank. */
const TOKEN = /^[\x21-\x7e]+$/;

export function TokenEntry({ why, onToken }: TokenEntryProps) {
  const words = useWords();
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
      <h2 id="token-heading">{words.token.heading}</h2>
      <p role="alert">{words.token[why]}</p>
      <div class="field">
        <label for="token">{words.token.label}</label>
        <input
          ref={field}
          id="token"
          type="password"
          autocomplete="off"
          aria-invalid={invalid}
          aria-describedby={invalid ? "token-mistake token-note" : "token-note"}
        />
        {invalid && <p class="mistake" id="token-mistake">{words.token.invalid}</p>}
        <p class="note" id="token-note">{words.token.note}</p>
      </div>
      <p class="buttons">
        <button type="submit" class="main">{words.token.use}</button>
      </p>
    </form>
  );
}
