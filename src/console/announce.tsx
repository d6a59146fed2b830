import { useEffect, useState } from "preact/hooks";

/** Says the text to screen readers whenever it changes. */
export function Announcer({ text }: { text: string }) {
  const [said, setSaid] = useState("");
  // A live region speaks of changes only, so it must stand empty first.
  useEffect(() => setSaid(text), [text]);
  return <p class="unseen" role="status">{said}</p>;
}
