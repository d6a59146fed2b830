import { type Config, readConfig } from "./read.ts";

/**
 * Configuration for a sandbox on this machine: the given variables, otherwise free ports and the sandbox's own identity.
 * Throws if a variable is invalid.
 */
export function sandboxConfig(variables: Readonly<Record<string, string>>): Config {
  const all: Readonly<Record<string, string>> = {
    DAXPAY_RELEASE: "documented",
    DAXPAY_SIGN_SECRET: "123456",
    // It starts with the service, so no sync can be left from before.
    DAXPAY_SETTLE_ON_START: "off",
    DAXPAY_APP_ID: "M8207639754663343",
    DAXPAY_MCH_NO: "M1745845174843",
    PORT: "0",
    GRPC_PORT: "0",
    ...variables,
  };
  const result = readConfig({
    env: (name) => all[name],
    readFile: (path) => {
      throw new Error(`expected no file here, got ${path}`);
    },
    isTerminal: true,
  });
  if (result.kind === "invalid") throw new RangeError(result.problems.join("; "));
  return result.config;
}
