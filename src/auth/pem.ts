/** One block of a PEM text. */
export interface PemBlock {
  /** For example CERTIFICATE or EC PRIVATE KEY. */
  readonly label: string;
  /** The block with its first and last line. */
  readonly text: string;
}

/** Lists the blocks of a PEM text; text around them, as PKCS#12 exports have it, is left out. */
export function pemBlocks(text: string): readonly PemBlock[] {
  return [...text.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----[^]*?-----END \1-----/g)]
    .map(([block, label]) => ({ label, text: `${block}\n` }));
}

/** Names the blocks, for error messages. */
export function describeBlocks(blocks: readonly PemBlock[]): string {
  return blocks.length === 0 ? "no PEM block" : [...new Set(blocks.map(({ label }) => label))].join(", ");
}
