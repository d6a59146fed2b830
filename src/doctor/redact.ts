import type { DaxPayOptions } from "../daxpay/client.ts";
import { secretsOf } from "./secret.ts";
import type { Step } from "./step.ts";

/** Redacts every reading of the secret: DaxPay knows it, and its texts are quoted. */
export function withoutSecrets(steps: readonly Step[], options: DaxPayOptions): Step[] {
  // Shorter ones also occur in other words.
  const secrets = secretsOf(options).map(({ text }) => text).filter((text) => text.length >= 6);
  if (secrets.length === 0) return [...steps];
  const pattern = new RegExp(secrets.map((text) => RegExp.escape(text)).join("|"), "gi");
  const redact = (text: string) => text.replace(pattern, "[redacted]");
  return steps.map((one) => ({
    ...one,
    found: redact(one.found),
    reasons: one.reasons.map(({ cause, advice }) => ({ cause, advice: redact(advice) })),
  }));
}
