import { Buffer } from "node:buffer";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { createContextKey, createContextValues } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { getLogger } from "@logtape/logtape";
import { createAuthenticate } from "../../src/auth/authenticate.ts";
import { clientCertNameOf, loadCertificate, type ServerTls } from "../../src/auth/certificate.ts";
import { withSecurityHeaders } from "../../src/http/headers.ts";
import { withHostCheck } from "../../src/http/host.ts";
import { listen } from "../../src/http/listen.ts";
import { createCalls } from "../../src/interceptors/call.ts";
import { createCallLog } from "../../src/interceptors/log.ts";
import { endStreamsOn } from "../../src/interceptors/shutdown.ts";
import { loadProtos, routeConformance } from "./service.ts";

const logger = getLogger("conformance");
const clientCertKey = createContextKey<string | undefined>(undefined);

/** How the suite wants the server. */
interface ServerRequest {
  readonly httpVersion: number;
  readonly useTls: boolean;
  readonly serverCreds?: { readonly cert: Uint8Array; readonly key: Uint8Array };
  readonly clientTlsCert: Uint8Array;
  readonly messageReceiveLimit: number;
}

const HTTP_VERSION_2 = 2;

/** Reads the suite's request from standard input, serves as it says, and writes the address to standard output. */
async function main(image: string): Promise<void> {
  const protos = loadProtos(image);
  const message: unknown = fromBinary(protos.message("ServerCompatRequest"), await readMessage());
  const request = message as ServerRequest;
  const clientCertificates = request.clientTlsCert.length > 0;
  const calls = createCalls({
    elapsed: () => performance.now(),
    generateRequestId: () => crypto.randomUUID(),
    authenticate: createAuthenticate({ tokens: undefined, jwt: undefined, clientCertificates, now: Date.now }),
    clientCertNameOf: ({ values }) => values.get(clientCertKey),
    open: [],
    observers: [createCallLog(logger, [])],
  });
  const rpc = connectNodeAdapter({
    routes: (router) => routeConformance(endStreamsOn(router, new AbortController().signal), protos),
    requestGate: calls.gate,
    interceptors: [calls.interceptor],
    contextValues: (request) => createContextValues().set(clientCertKey, clientCertNameOf(request)),
    jsonOptions: { registry: protos.files },
    ...(request.messageReceiveLimit > 0 ? { readMaxBytes: request.messageReceiveLimit } : {}),
  });
  const server = await listen({
    host: "127.0.0.1",
    port: 0,
    grpcPort: 0,
    tls: request.useTls ? tlsOf(request) : undefined,
    maxConnections: 1_000,
    handler: withSecurityHeaders(withHostCheck(rpc), request.useTls),
    onErrorResponse: () => {},
  });
  const { port } = request.httpVersion === HTTP_VERSION_2 ? server.grpc : server.http;
  const response = create(protos.message("ServerCompatResponse"), {
    host: "127.0.0.1",
    port,
    pemCert: request.serverCreds?.cert ?? new Uint8Array(),
  });
  writeMessage(toBinary(protos.message("ServerCompatResponse"), response));
}

/** From files, as the service has them. */
function tlsOf({ serverCreds, clientTlsCert }: ServerRequest): ServerTls {
  if (!serverCreds) throw new TypeError("Expected a certificate for TLS, got none");
  const folder = mkdtempSync(path.join(tmpdir(), "conformance-"));
  const write = (name: string, content: Uint8Array) => {
    const file = path.join(folder, name);
    writeFileSync(file, content);
    return file;
  };
  const files = {
    certFile: write("cert.pem", serverCreds.cert),
    keyFile: write("key.pem", serverCreds.key),
    clientCaFile: clientTlsCert.length > 0 ? write("ca.pem", clientTlsCert) : undefined,
  };
  return loadCertificate(files, logger).current;
}

/** A message and, before it, its length in four bytes. */
async function readMessage(): Promise<Uint8Array> {
  let received = Buffer.alloc(0);
  for await (const chunk of process.stdin) {
    received = Buffer.concat([received, chunk]);
    if (received.length >= 4 && received.length >= 4 + received.readUInt32BE(0)) {
      return received.subarray(4, 4 + received.readUInt32BE(0));
    }
  }
  throw new TypeError("Expected a request on standard input, got its end");
}

function writeMessage(message: Uint8Array): void {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(message.length);
  process.stdout.write(Buffer.concat([length, message]));
}

await main(Deno.args[0]);
