import { describeUntyped, escapeUntyped, hasUntyped } from "../util/characters.ts";
import { type CompleteValues, type Name, REQUIRED, type Values, type Variable, VARIABLES } from "./variables.ts";

/** Where a configuration comes from. */
export interface ConfigSource {
  /** Value of an environment variable. */
  readonly env: (name: string) => string | undefined;
  /** Lists the variables that are not empty, if they may be listed. */
  readonly names?: () => readonly string[];
  /** Reads a regular file of bounded size; see `readTextFile`. */
  readonly readFile: (path: string) => string;
  readonly isTerminal: boolean;
}

export interface ReadValuesOptions {
  /** Name of a variable for the problems: itself, or its key in a file. `asFile` for that of the file with a secret. */
  readonly label: (name: Name, asFile: boolean) => string;
  /** Accepts secrets with characters that nobody types: the doctor finds out whether DaxPay accepts the secret without them. */
  readonly acceptUntypedSecrets: boolean;
}

/** Values as far as they are valid. */
export interface ReadValues<Names extends Name> {
  readonly values: Values<Names>;
  /** Texts that are set, secrets included. */
  readonly texts: ReadonlyMap<Names, string>;
  /** Variables that have a problem. */
  readonly invalid: ReadonlySet<string>;
  /** One line each, without any secret. */
  readonly problems: readonly string[];
}

/** Reads and validates variables, each on its own. */
export function readValues<Names extends Name>(
  names: readonly Names[],
  source: Pick<ConfigSource, "env" | "readFile">,
  { label, acceptUntypedSecrets }: ReadValuesOptions,
): ReadValues<Names> {
  const problems: string[] = [];
  const invalid = new Set<string>();
  const texts = new Map<Names, string>();
  const report: Report = (name, problem, asFile = false) => {
    problems.push(`${label(name, asFile)}: ${problem}`);
    invalid.add(name);
  };
  const entries = names.map((name) => {
    const variable: Variable = VARIABLES[name];
    const text = rawValue(name, variable, source, label, report);
    if (text === undefined) {
      if (REQUIRED.includes(name) && !invalid.has(name)) report(name, `expected ${variable.expected}, got nothing`);
      return [name, undefined];
    }
    texts.set(name, text);
    if (hasUntyped(text) && !variable.multiline && !(variable.secret && acceptUntypedSecrets)) {
      const got = `${forDisplay(text, variable)} with ${describeUntyped(text)}`;
      report(name, `expected ${variable.expected}, got ${got}`);
      return [name, undefined];
    }
    const parsed = variable.schema.safeParse(text);
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      const got = issue.code === "custom" && issue.params?.got ? issue.message : forDisplay(text, variable);
      report(name, `expected ${variable.expected}, got ${got}`);
    }
    return [name, parsed.data];
  });
  return { values: Object.fromEntries(entries), texts, invalid, problems };
}

/** Whether every variable with a default, and every required one, has a value. */
export function isComplete<Names extends Name>(
  names: readonly Names[],
  values: Values<Names>,
): values is CompleteValues<Names> {
  return names.every((name) => {
    const variable: Variable = VARIABLES[name];
    return values[name] !== undefined || (variable.default === undefined && !REQUIRED.includes(name));
  });
}

type Report = (name: Name, problem: string, asFile?: boolean) => void;

/** An empty variable counts as unset, since compose files and manifests pass unknown ones as "". */
function rawValue(
  name: Name,
  variable: Variable,
  source: Pick<ConfigSource, "env" | "readFile">,
  label: ReadValuesOptions["label"],
  report: Report,
): string | undefined {
  const direct = source.env(name) || undefined;
  if (!variable.secret) return direct ?? variable.default;
  const file = source.env(`${name}_FILE`) || undefined;
  if (file === undefined) return direct;
  if (direct !== undefined) {
    report(name, `expected either ${label(name, false)} or ${label(name, true)}, got both`);
    return undefined;
  }
  try {
    // Editors end the last line; line breaks are not part of the secret.
    const content = source.readFile(file).replace(/[\r\n]+$/, "");
    if (content) return content;
    report(name, `expected ${variable.expected}, got an empty file "${file}"`, true);
  } catch (error) {
    // Who mistakes NAME_FILE for NAME puts the secret itself there.
    const problem = /^[./]/.test(file)
      ? `cannot read "${file}": ${(error as Error).message}`
      : 'expected a path that begins with "/" or ".", got another text, not shown because it may be the secret itself';
    report(name, problem, true);
  }
  return undefined;
}

function forDisplay(text: string, variable: Variable): string {
  return variable.secret
    ? `${text.length} characters`
    : escapeUntyped(JSON.stringify(withoutCredentials(text).slice(0, 200)));
}

/** Removes user, password and query, where credentials are often put. */
function withoutCredentials(text: string): string {
  return text.replace(/(?<=:\/\/).*@/s, "…@").replace(/(?<=:\/\/[^?]*\?).*/s, "…");
}
