import { type Config, readConfig } from "./read.ts";

/** What a sandbox is configured with, and nothing in the environment changes. Its clients start with it, so none left a sync in doubt. */
export const SANDBOX_VARIABLES: Readonly<Record<string, string>> = {
  DAXPAY_ACCOUNTS_FILE: "",
  DAXPAY_SYNC_PATH: "",
  DAXPAY_SIGN_TYPE: "HMAC_SHA256",
  DAXPAY_SIGN_SECRET: "123456",
  DAXPAY_SIGN_SECRET_FILE: "",
  DAXPAY_SIGN_SECRET_PREVIOUS: "",
  DAXPAY_SIGN_SECRET_PREVIOUS_FILE: "",
  DAXPAY_PRIVATE_KEY: "",
  DAXPAY_PRIVATE_KEY_FILE: "",
  DAXPAY_PLATFORM_KEYS: "",
  DAXPAY_PLATFORM_KEYS_FILE: "",
  DAXPAY_APP_ID: "M8207639754663343",
  DAXPAY_MCH_NO: "M1745845174843",
  DAXPAY_TIME_ZONE: "Asia/Shanghai",
  DAXPAY_CHECK: "off",
  DAXPAY_SETTLE_ON_START: "off",
};

/**
 * Configuration for a sandbox on this machine: the given variables, otherwise free ports and the sandbox's own identity.
 * Throws if a variable is invalid.
 */
export function sandboxConfig(variables: Readonly<Record<string, string>>): Config {
  const all: Readonly<Record<string, string>> = {
    DAXPAY_RELEASE: "documented",
    ...SANDBOX_VARIABLES,
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
