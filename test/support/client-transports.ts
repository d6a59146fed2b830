import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { createRefundClient } from "../../src/client.ts";

/** Each transport, and which address of the service it uses. */
export const TRANSPORTS = {
  "Connect over fetch": { to: "http", client: (baseUrl: string) => createRefundClient({ baseUrl }) },
  "gRPC-Web over fetch": {
    to: "http",
    client: (baseUrl: string) => createRefundClient({ baseUrl, protocol: "grpc-web" }),
  },
  "gRPC": {
    to: "grpc",
    client: (baseUrl: string) => createRefundClient({ transport: createGrpcTransport({ baseUrl }) }),
  },
  "Connect over node": {
    to: "http",
    client: (baseUrl: string) =>
      createRefundClient({ transport: createConnectTransport({ baseUrl, httpVersion: "1.1" }) }),
  },
} as const;
