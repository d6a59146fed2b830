import { useEffect, useState } from "preact/hooks";

/** Announces the text to screen readers whenever it changes. */
export function LiveRegion({ text }: { text: string }) {
  const [announced, setAnnounced] = useState("");
  // Screen readers announce only changes, so the region starts empty.
  useEffect(() => setAnnounced(text), [text]);
  return <p class="visually-hidden" role="status">{announced}</p>;
}
