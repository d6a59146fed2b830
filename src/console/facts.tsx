import type { ComponentChildren } from "preact";
import { CopyButton } from "./copy.tsx";
import { useWords } from "./words/choose.ts";

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

/** What takes no room or turns the direction of writing: controls, format characters, line separators. */
const UNSEEN = /([\p{Cc}\p{Cf}\p{Zl}\p{Zp}])/u;

/**
 * Text from outside. It cannot be markup, cannot turn the direction of what surrounds it, and what would be invisible
 * in it is shown by its number.
 */
export function Foreign({ text }: { text: string }) {
  // Splitting by a group leaves what was found at the odd places.
  const parts = text.split(UNSEEN).map((part, at) => at % 2 === 0 ? part : <Unseen key={at} character={part} />);
  return <bdi class="foreign">{parts}</bdi>;
}

function Unseen({ character }: { character: string }) {
  const code = character.codePointAt(0) ?? 0;
  return <span class="code-point">{`U+${code.toString(16).toUpperCase().padStart(4, "0")}`}</span>;
}

/** An identifier to copy. */
export function Identifier({ text, what }: { text: string; what: string }) {
  const words = useWords();
  if (text === "") return <span class="none">{words.sync.none}</span>;
  return (
    <span class="identifier">
      <code data-copied>
        <Foreign text={text} />
      </code>
      <CopyButton text={text} what={what} />
    </span>
  );
}
