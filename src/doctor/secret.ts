import type { DaxPayOptions } from "../daxpay/client.ts";
import type { Cause, Reason } from "./step.ts";

/** The configured secret, or what it may have been meant to be. */
export interface Secret {
  readonly text: string;
  /** What is wrong with the configured secret if this one is right. */
  readonly flaw?: SecretFlaw;
}

export type SecretFlaw = Extract<Cause, `SECRET_${string}`>;

const WHERE = "DAXPAY_SIGN_SECRET (or the file that DAXPAY_SIGN_SECRET_FILE names)";

const FLAWS: Readonly<Record<SecretFlaw, { readonly what: string; readonly advice: string }>> = {
  SECRET_ENDS_IN_LINE_BREAK: {
    what: "without the line break at the secret's end",
    advice: `The secret ends in a line break that DaxPay's does not have: remove it from ${WHERE}`,
  },
  SECRET_HAS_WHITE_SPACE: {
    what: "without the white space around the secret",
    advice: `The secret has white space at its start or end that DaxPay's does not have: remove it from ${WHERE}`,
  },
  SECRET_IN_QUOTES: {
    what: "without the quotes around the secret",
    advice: `The secret stands in quotes, which count as part of it: remove them from ${WHERE}`,
  },
  SECRET_IS_PREVIOUS: {
    what: "with the previous secret",
    advice: "DaxPay still uses the secret of DAXPAY_SIGN_SECRET_PREVIOUS: " +
      "change the secret in DaxPay too, or make that one DAXPAY_SIGN_SECRET again",
  },
};

/** The configured secret first, then each other one that it may have been meant to be. */
export function secretsOf({ secret, previousSecret }: Pick<DaxPayOptions, "secret" | "previousSecret">): Secret[] {
  const all: Secret[] = [
    { text: secret },
    { text: secret.replace(/[\r\n]+$/, ""), flaw: "SECRET_ENDS_IN_LINE_BREAK" },
    { text: secret.trim(), flaw: "SECRET_HAS_WHITE_SPACE" },
    { text: secret.trim().replace(/^(["'])(.*)\1$/s, "$2"), flaw: "SECRET_IN_QUOTES" },
    { text: previousSecret ?? "", flaw: "SECRET_IS_PREVIOUS" },
  ];
  return all.filter(({ text }, at) => text !== "" && all.findIndex((other) => other.text === text) === at);
}

/** Ends the sentence "accepted …". */
export function flawWords(flaw: SecretFlaw): string {
  return FLAWS[flaw].what;
}

export function flawReason(flaw: SecretFlaw): Reason {
  return { cause: flaw, advice: FLAWS[flaw].advice };
}
