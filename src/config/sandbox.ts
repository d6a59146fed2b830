import { type Config, readConfig } from "./config.ts";

/**
 * The configuration for a DaxPay on this machine: what the variables say, free ports and the sandbox's own identity
 * where they say nothing. Throws where they are wrong.
 */
export function sandboxConfig(variables: Readonly<Record<string, string>>): Config {
  const all: Readonly<Record<string, string>> = {
    DAXPAY_SIGN_SECRET: "123456",
    DAXPAY_APP_ID: "M8207639754663343",
    DAXPAY_MCH_NO: "M1745845174843",
    PORT: "0",
    GRPC_PORT: "0",
    ...variables,
  };
  const result = readConfig({
    env: (name) => all[name],
    readFile: (path) => {
      throw new Error(`No file is read here: ${path}`);
    },
    isTerminal: true,
  });
  if (result.kind === "invalid") throw new RangeError(result.problems.join("; "));
  return result.config;
}
