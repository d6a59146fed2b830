/** A raw HTTP/1.1 connection: the load must cost less than what it measures. */
export interface Http1 {
  /** Sends a whole request and reads its answer. One at a time. */
  exchange(request: Uint8Array<ArrayBuffer>): Promise<Http1Answer>;
  close(): void;
}

export interface Http1Answer {
  readonly status: number;
  /** One character for each byte. */
  readonly body: string;
}

const latin1 = new TextDecoder("latin1");

export async function openHttp1(port: number): Promise<Http1> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  conn.setNoDelay(true);
  const buffer = new Uint8Array(16 * 1024);

  return {
    async exchange(request) {
      for (let at = 0; at < request.length;) at += await conn.write(request.subarray(at));
      let text = "";
      for (;;) {
        const length = await conn.read(buffer);
        if (length === null) throw new Error("The connection ended before the answer");
        text += latin1.decode(buffer.subarray(0, length));
        const answer = answerFrom(text);
        if (answer) return answer;
      }
    },
    close: () => conn.close(),
  };
}

/** Undefined as long as bytes are missing. */
function answerFrom(text: string): Http1Answer | undefined {
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const status = Number(text.slice(9, 12));
  const head = text.slice(0, end);
  const [, length] = /\ncontent-length: *(\d+)/i.exec(head) ?? [];
  const body = text.slice(end + 4);
  if (length !== undefined) return body.length < Number(length) ? undefined : { status, body };
  // Chunked; these answers are small, and their chunks' sizes do no harm in the body.
  return body.endsWith("0\r\n\r\n") ? { status, body } : undefined;
}
