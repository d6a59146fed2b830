/** What spreadsheets, bills and people put around a number so that it stays a text. */
const WRAPPERS: readonly RegExp[] = [
  // ="00123" keeps the zeros in a spreadsheet; input methods write the quotes as “ and ”.
  /^[=＝]["“”＂]([^"“”＂]*)["“”＂]$/,
  /^["“”＂]([^"“”＂]*)["“”＂]$/,
  /^['‘’＇]([^'‘’＇]*)['‘’＇]$/,
  /^「([^」]*)」$/,
  // A spreadsheet's apostrophe, and the backquote before every cell of a WeChat Pay bill.
  /^['‘’＇`](.*)$/,
];

/** A cell's number, without what was put around it, and in half-width characters if all are full-width. */
export function numberIn(cell: string): string {
  const trimmed = cell.trim();
  const inner = WRAPPERS.map((wrapper) => wrapper.exec(trimmed)?.[1]).find((text) => text !== undefined);
  return inner === undefined ? halfWidth(trimmed) : numberIn(inner);
}

function halfWidth(text: string): string {
  if (!/^[！-～]+$/.test(text)) return text;
  return text.replace(/./g, (character) => String.fromCharCode(character.charCodeAt(0) - 0xfee0));
}
