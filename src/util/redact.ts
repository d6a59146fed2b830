const MIN_LENGTH = 6;

/** Whether a secret can be redacted: a shorter one also occurs in other words, and redacting it there would reveal it. */
export function isLongEnoughToRedact(secret: string): boolean {
  return secret.length >= MIN_LENGTH;
}
