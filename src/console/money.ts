const FEN_PER_YUAN = 100n;

/** An amount in fen as exact yuan: -5n becomes "-0.05". */
export function yuanFrom(fen: bigint): `${number}` {
  const amount = fen < 0n ? -fen : fen;
  const cents = String(amount % FEN_PER_YUAN).padStart(2, "0");
  return `${fen < 0n ? "-" : ""}${amount / FEN_PER_YUAN}.${cents}` as `${number}`;
}

/** An amount in fen as people write it: "¥1,234.50". */
export function amountText(fen: bigint, languageTag: string): string {
  return new Intl.NumberFormat(languageTag, { style: "currency", currency: "CNY", currencyDisplay: "narrowSymbol" })
    .format(yuanFrom(fen));
}
