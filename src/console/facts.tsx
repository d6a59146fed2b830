import type { ComponentChildren } from "preact";
import { CopyButton } from "./copy.tsx";
import { useMessages } from "./i18n/locale.ts";

/** A list of names and values. */
export function Facts({ children }: { children: ComponentChildren }) {
  return <dl class="facts">{children}</dl>;
}

export function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** Control and format characters and line separators. */
const INVISIBLE = /([\p{Cc}\p{Cf}\p{Zl}\p{Zp}])/u;

/** Text from outside: never markup, isolated from the surrounding text's direction, invisible characters shown by code point. */
export function UntrustedText({ text }: { text: string }) {
  // split() by a group returns the matches at the odd positions.
  const parts = text.split(INVISIBLE).map((part, at) => at % 2 === 0 ? part : <CodePoint key={at} character={part} />);
  return <bdi class="untrusted">{parts}</bdi>;
}

function CodePoint({ character }: { character: string }) {
  const code = character.codePointAt(0) ?? 0;
  return <span class="code-point">{`U+${code.toString(16).toUpperCase().padStart(4, "0")}`}</span>;
}

/** An identifier with a button to copy it. */
export function Identifier({ text, what }: { text: string; what: string }) {
  const { refund } = useMessages();
  if (text === "") return <span class="none">{refund.none}</span>;
  return (
    <span class="identifier">
      <code data-copied>
        <UntrustedText text={text} />
      </code>
      <CopyButton text={text} what={what} />
    </span>
  );
}
