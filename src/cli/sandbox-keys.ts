import { DEVELOPMENT_KEYS } from "../sandbox/keys.ts";

/** The variables of a service in front of a sandbox that signs with keys; other releases ignore them. */
export const SANDBOX_KEYS = {
  DAXPAY_PRIVATE_KEY: DEVELOPMENT_KEYS.merchant.privateKey,
  DAXPAY_PLATFORM_KEYS: DEVELOPMENT_KEYS.platform.publicKey,
} as const satisfies Readonly<Record<string, string>>;
