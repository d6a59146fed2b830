import process from "node:process";
import { parseArgs } from "node:util";

/** Options by their long names; one of type "string" requires a value. `--help` is added to them. */
export type Options = Readonly<
  Record<string, { readonly type: "string"; readonly default?: string } | { readonly type: "boolean" }>
>;

/** Values by option; undefined where an option is neither given nor has a default. */
export type OptionValues<O extends Options> = {
  readonly [N in keyof O]: O[N] extends { type: "boolean" } ? boolean
    : O[N] extends { default: string } ? string
    : string | undefined;
};

/** What a command accepts. */
export interface CommandLine<O extends Options, Command> {
  readonly options: O;
  /** The page that --help prints. */
  readonly help: () => string;
  /** Checks the values. May throw a RangeError whose message names the option. */
  readonly read: (values: OptionValues<O>) => Command;
}

export type ReadResult<Command> =
  | { readonly kind: "run"; readonly command: Command }
  | { readonly kind: "help"; readonly page: string }
  /** One line, without values of unknown arguments: one may be a secret that was meant for the environment. */
  | { readonly kind: "invalid"; readonly problem: string };

/** Reads the arguments of a command. There are no positional ones. */
export function readArguments<const O extends Options, Command>(
  args: readonly string[],
  { options, help, read }: CommandLine<O, Command>,
): ReadResult<Command> {
  const known: Options = { ...options, help: { type: "boolean" } };
  // The strict mode's own errors quote values.
  const { tokens } = parseArgs({ args: [...args], options: known, strict: false, tokens: true });
  const values: Record<string, string | boolean> = {};
  for (const [name, option] of Object.entries(options)) {
    if (option.type === "boolean") values[name] = false;
    else if (option.default !== undefined) values[name] = option.default;
  }
  for (const token of tokens) {
    if (token.kind !== "option" || !Object.hasOwn(known, token.name)) {
      const got = token.kind === "option" ? JSON.stringify(token.rawName) : "another argument";
      return { kind: "invalid", problem: `expected ${describe(known)}, got ${got}` };
    }
    const { rawName, value, inlineValue } = token;
    if (known[token.name].type === "boolean") {
      if (value !== undefined) return { kind: "invalid", problem: `${rawName}: expected no value, got one` };
      values[token.name] = true;
    } else {
      // Another option is no value, unless it follows a "=".
      const missing = value === undefined || value === "" || (!inlineValue && value.startsWith("-"));
      if (missing) return { kind: "invalid", problem: `${rawName}: expected a value, got none` };
      values[token.name] = value;
    }
  }
  if (values.help) return { kind: "help", page: help() };
  try {
    return { kind: "run", command: read(values as OptionValues<O>) };
  } catch (error) {
    if (error instanceof RangeError) return { kind: "invalid", problem: error.message };
    throw error;
  }
}

/** Reads this process's arguments. Prints the help and exits with code 0, or a problem and exits with code 2. */
export function readArgumentsOrExit<const O extends Options, Command>(commandLine: CommandLine<O, Command>): Command {
  const result = readArguments(process.argv.slice(2), commandLine);
  switch (result.kind) {
    case "run":
      return result.command;
    case "help":
      console.log(result.page);
      return process.exit(0);
    case "invalid":
      console.error(result.problem);
      return process.exit(2);
  }
}

/** Accepts --help and nothing else; see `readArgumentsOrExit`. */
export function expectNoArguments(help: string): void {
  readArgumentsOrExit({ options: {}, help: () => help, read: () => undefined });
}

/** Checks that the option's value is one of the given. */
export function oneOf<Name extends string>(names: readonly Name[], option: string, value: string): Name {
  const name = names.find((name) => name === value);
  if (name === undefined) throw new RangeError(`${option}: expected one of ${names.join(", ")}, got "${value}"`);
  return name;
}

export function wholeNumber(option: string, value: string, { min = 0, max }: { min?: number; max: number }): number {
  const number = /^\d{1,9}$/.test(value) ? Number(value) : NaN;
  if (number >= min && number <= max) return number;
  throw new RangeError(`${option}: expected a whole number from ${min} to ${max}, got "${value}"`);
}

function describe(options: Options): string {
  const names = Object.entries(options).map(([name, { type }]) =>
    type === "string" ? `--${name} <value>` : `--${name}`
  );
  return names.length === 1 ? `${names[0]} or no arguments` : `${names.slice(0, -1).join(", ")} or ${names.at(-1)}`;
}
