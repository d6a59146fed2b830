import { readTextFile } from "../util/text-file.ts";

/** Paths by the variables that name them. */
export type Files = Readonly<Record<string, string>>;

export interface WatchFilesOptions {
  /** Returns the texts of the files. */
  readonly read: () => readonly string[];
  /** Texts as last read. */
  readonly last: readonly string[];
  /** Milliseconds between checks. Defaults to 1000. */
  readonly intervalMs?: number;
  /** Takes the changed texts. What it throws goes to `onFailure`. */
  readonly onChange: (texts: readonly string[]) => void;
  /** The files could not be read or were not accepted. */
  readonly onFailure: (error: Error) => void;
}

/** Texts of the files. Throws an error that names the variable of a file that cannot be read. */
export function readFiles(files: Files): readonly string[] {
  return Object.entries(files).map(([variable, path]) => {
    try {
      return readTextFile(path);
    } catch (error) {
      throw new RangeError(`${variable}: cannot read "${path}": ${(error as Error).message}`, { cause: error });
    }
  });
}

/**
 * Polls files and calls `onChange` when their contents change. It compares texts, because a mounted Kubernetes secret
 * changes by a link outside the file's folder, which no watcher of the file notices.
 */
export function watchFiles(options: WatchFilesOptions): Disposable {
  const { read, last, intervalMs = 1_000, onChange, onFailure } = options;
  let seen = last.join("\0");
  let lastFailure = "";
  const timer = setInterval(() => {
    try {
      const texts = read();
      const current = texts.join("\0");
      if (current === seen) return;
      seen = current;
      lastFailure = "";
      onChange(texts);
    } catch (error) {
      // A file that stays away is reported once.
      if (String(error) === lastFailure) return;
      lastFailure = String(error);
      onFailure(error as Error);
    }
  }, intervalMs);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
