import type { CommandIo } from "../../src/cli/command.ts";

/** Returns what runs the command in this process, with these variables only and no files. */
export function createRunHere(command: (args: readonly string[], io: CommandIo) => Promise<number>) {
  return async (args: readonly string[], variables: Readonly<Record<string, string>> = {}) => {
    const printed: string[] = [];
    const problems: string[] = [];
    const code = await command(args, {
      config: {
        env: (name) => variables[name],
        readFile: () => {
          throw new Error("No such file");
        },
        isTerminal: false,
      },
      print: (text) => printed.push(text),
      printError: (text) => problems.push(text),
    });
    return { code, printed, problems };
  };
}
