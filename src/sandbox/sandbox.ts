import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { ADMIN_PREFIX } from "./admin.ts";
import { type FaultName, FAULTS } from "./fault.ts";
import type { FaultTarget } from "./faults.ts";
import { html } from "./http.ts";
import type { SandboxOptions } from "./options.ts";
import { createDaxPayServer } from "./server.ts";
import { createDateHeader, readBody, send, sendHalf } from "./socket.ts";
import type { Steering } from "./steering.ts";
import { hostPort } from "../util/url.ts";

export interface Sandbox extends Steering {
  readonly url: string;
  /** Ends every connection and timer, also of requests that hang. */
  close(): Promise<void>;
}

/** Starts an embedded DaxPay on a socket. It authenticates no one: for development and tests only. */
export async function createSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const { host = "127.0.0.1", port = 0 } = options;
  const daxpay = createDaxPayServer(options);
  const date = createDateHeader(daxpay.now);
  const sockets = new Set<Socket>();

  const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    const path = request.url?.split("?", 1)[0] ?? "/";
    if (!path.startsWith(ADMIN_PREFIX)) {
      if (daxpay.takeConnectFault()) return void request.socket.resetAndDestroy();
      response.once("close", daxpay.enter());
    }
    readBody(request, (body) => {
      serve(request, response, path, body).catch((error) => {
        console.error("The sandbox itself failed", error);
        send(response, html(500, "The sandbox itself failed"), date());
      });
    });
  });
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    if (daxpay.takeConnectFault()) socket.resetAndDestroy();
  });

  async function serve(request: IncomingMessage, response: ServerResponse, path: string, body: string) {
    const { method = "", headers } = request;
    const header = (name: string) => headers[name]?.toString();
    const delivery = await daxpay.handle({ method, path, header, body });
    switch (delivery.kind) {
      case "response":
        return send(response, delivery.response, date());
      case "cut":
        return sendHalf(response, delivery.response, date());
      case "reset":
        return void response.socket?.resetAndDestroy();
    }
  }

  function setFault(name: FaultName, target?: FaultTarget): void {
    daxpay.setFault(name, target);
    // So that the next request needs a new connection, and meets the fault there.
    if (FAULTS[name].kind === "connect") server.closeIdleConnections();
  }

  async function close(): Promise<void> {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of sockets) socket.destroy();
    daxpay.close();
    await closed;
  }

  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => resolve());
  });
  const { port: taken } = server.address() as AddressInfo;
  return {
    ...daxpay,
    get maxConcurrent() {
      return daxpay.maxConcurrent;
    },
    url: `http://${hostPort(host, taken)}`,
    setFault,
    close,
  };
}
