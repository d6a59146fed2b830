/** A failure as DaxPay returns it. Only some releases sign it. */
export interface Failure {
  readonly code: number;
  readonly text: string | null;
  readonly signed: boolean;
  /** 4.x: whether it carries the reply's time although it is signed. */
  readonly timed?: boolean;
}

export const signed = (code: number, text: string | null): Failure => ({ code, text, signed: true });
export const unsigned = (code: number, text: string): Failure => ({ code, text, signed: false });
