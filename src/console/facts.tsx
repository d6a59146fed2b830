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
const INVISIBLE_EXCEPT_NEWLINE = /((?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}])/u;

interface UntrustedTextProps {
  readonly text: string;
  /** Whether to break lines at newlines, which DaxPay's messages contain. */
  readonly multiline?: boolean;
}

/**
 * Text from outside: never markup, isolated from the direction of the text around it, with invisible characters shown by
 * their code points.
 */
export function UntrustedText({ text, multiline = false }: UntrustedTextProps) {
  // split() by a group returns the matches at the odd positions.
  const parts = multiline ? text.trim().split(INVISIBLE_EXCEPT_NEWLINE) : text.split(INVISIBLE);
  return (
    <bdi class={multiline ? "untrusted multiline" : "untrusted"}>
      {parts.map((part, at) => at % 2 === 0 ? part : <CodePoint key={at} character={part} />)}
    </bdi>
  );
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
