import { readFileSync } from "node:fs";

export interface WatchFilesOptions {
  readonly paths: readonly string[];
  /** Milliseconds between looks. */
  readonly intervalMs: number;
  /** Takes the files' texts, in the order of the paths. What it throws goes to `onFailure`. */
  readonly onChange: (texts: readonly string[]) => void;
  /** The files could not be read or were not accepted, so the former ones still hold. */
  readonly onFailure: (error: unknown) => void;
}

/**
 * Looks at files again and again and tells when they say something else. It compares texts: a mounted Kubernetes secret
 * changes by a link far from the file itself, which no watcher of the file notices. Returns what ends it.
 */
export function watchFiles({ paths, intervalMs, onChange, onFailure }: WatchFilesOptions): () => void {
  const read = () => paths.map((path) => readFileSync(path, "utf8"));
  let seen = read().join("\0");
  let failed = "";
  const timer = setInterval(() => {
    try {
      const texts = read();
      const now = texts.join("\0");
      if (now === seen) return;
      seen = now;
      failed = "";
      onChange(texts);
    } catch (error) {
      // A file that stays away is told once.
      if (String(error) === failed) return;
      failed = String(error);
      onFailure(error);
    }
  }, intervalMs);
  timer.unref();
  return () => clearInterval(timer);
}
