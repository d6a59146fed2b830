/** A raw HTTP/1.1 connection: the load generator must cost less than what it measures. */
export interface Http1 {
  /** Sends a complete request and reads its response. One at a time. */
  exchange(request: Uint8Array<ArrayBuffer>): Promise<Http1Response>;
  close(): void;
}

export interface Http1Response {
  readonly status: number;
  /** One character per byte. */
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
        if (length === null) throw new Error("expected a response, got a closed connection");
        text += latin1.decode(buffer.subarray(0, length));
        const response = responseFrom(text);
        if (response) return response;
      }
    },
    close: () => conn.close(),
  };
}

/** Undefined while bytes are missing. */
function responseFrom(text: string): Http1Response | undefined {
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const status = Number(text.slice(9, 12));
  const head = text.slice(0, end);
  const [, length] = /\ncontent-length: *(\d+)/i.exec(head) ?? [];
  const body = text.slice(end + 4);
  if (length !== undefined) return body.length < Number(length) ? undefined : { status, body };
  // Chunked; the chunk sizes stay in the body, where nothing reads them.
  return body.endsWith("0\r\n\r\n") ? { status, body } : undefined;
}
