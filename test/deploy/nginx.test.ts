import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { expect, test } from "vitest";
import { createRefundClient, type RefundClient } from "../../src/client.ts";
import { createSandbox } from "../../src/sandbox/sandbox.ts";
import { freePort } from "../support/free-port.ts";
import { startProcess } from "../support/process.ts";

const NGINX = "/usr/sbin/nginx";
const CONF = path.resolve(import.meta.dirname ?? "", "../../deploy/nginx.conf");
const CALLS = 100;

/** nginx with the example's configuration, its ports replaced. */
function startNginx(ports: Readonly<Record<string, string>>) {
  const folder = mkdtempSync(path.join(tmpdir(), "nginx-"));
  const conf = Object.entries(ports).reduce(
    (text, [from, to]) => text.replaceAll(`127.0.0.1:${from}`, `127.0.0.1:${to}`),
    readFileSync(CONF, "utf8"),
  );
  writeFileSync(path.join(folder, "nginx.conf"), conf);
  const child = new Deno.Command(NGINX, {
    args: ["-p", folder, "-c", path.join(folder, "nginx.conf"), "-g", "daemon off;"],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  return {
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await child.status;
    },
  };
}

test.skipIf(!existsSync(NGINX))(
  `two replicas behind nginx, one killed under load: no call is lost (needs ${NGINX})`,
  async () => {
    const sandbox = await createSandbox({ release: "2.0.8" });
    const variables = { DAXPAY_URL: sandbox.url, DAXPAY_RELEASE: "2.0.8", DAXPAY_RATE: "10000" };
    const starting = [startProcess({ args: ["run", "-A", "src/main.ts"], variables }), startProcess({ variables })];
    await using doomed = await starting[0];
    await using survivor = await starting[1];
    const [front, grpcFront] = [String(await freePort()), String(await freePort())];
    const portOf = (url: string) => new URL(url).port;
    await using _nginx = await startNginx({
      8000: front,
      9000: grpcFront,
      8081: portOf(doomed.http),
      8082: portOf(survivor.http),
      9091: portOf(doomed.grpc),
      9092: portOf(survivor.grpc),
    });
    const health = () => fetch(`http://127.0.0.1:${front}/healthz`).then(({ status }) => status, () => undefined);
    await expect.poll(health).toBe(200);
    const clients: Readonly<Record<string, RefundClient>> = {
      "Connect": createRefundClient({ baseUrl: `http://127.0.0.1:${front}`, maxRetries: 5 }),
      "gRPC-Web": createRefundClient({ baseUrl: `http://127.0.0.1:${front}`, protocol: "grpc-web", maxRetries: 5 }),
      "gRPC": createRefundClient({
        transport: createGrpcTransport({ baseUrl: `http://127.0.0.1:${grpcFront}` }),
        maxRetries: 5,
      }),
    };

    const lost: string[] = [];
    let done = 0;
    const callers = Object.entries(clients).map(async ([protocol, client]) => {
      for (let call = 0; call < CALLS; call++) {
        try {
          const { daxpayStatus } = await client.syncRefund({ refundNo: `LOAD-${protocol}-${call}` });
          expect(daxpayStatus).toBe("success");
        } catch (error) {
          lost.push(`${protocol} ${call}: ${error}`);
        }
        if (++done === CALLS) doomed.kill("SIGKILL");
      }
    });
    await Promise.all(callers);
    expect(lost).toEqual([]);
    const served = survivor.lines().filter(({ properties }) => properties.method === "SyncRefund");
    const servedBefore = doomed.lines().filter(({ properties }) => properties.method === "SyncRefund");
    expect(served.length).toBeGreaterThan(CALLS);
    expect(servedBefore.length).toBeGreaterThan(0);
    expect((await fetch(`http://127.0.0.1:${front}/metrics`)).status).toBe(404);
    await sandbox.close();
  },
  120_000,
);
