import { mkdtempSync, renameSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createClient, type Interceptor } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { createApp } from "../../src/app/app.ts";
import { readAccounts } from "../../src/config/accounts.ts";
import { readConfig } from "../../src/config/read.ts";
import { RefundSyncService } from "../../src/gen/daxpay/refundsync/v1/refund_sync_pb.ts";
import { readTextFile } from "../../src/util/text-file.ts";

/** Settings by account and key, as in the accounts file. */
export type AccountSettings = Readonly<Record<string, Readonly<Record<string, string | number>>>>;

export interface AccountsServiceOptions {
  /** Returns the accounts; `file` writes a file in the service's folder and returns its path. */
  readonly accounts: (file: (name: string, text: string) => string) => AccountSettings;
  readonly variables?: (file: (name: string, text: string) => string) => Readonly<Record<string, string>>;
  readonly dependencies?: NonNullable<Parameters<typeof createApp>[1]>;
}

export type AccountsService = Awaited<ReturnType<typeof startAccounts>>;

/** Starts the whole service with an accounts file, on free ports. */
export async function startAccounts({ accounts, variables, dependencies }: AccountsServiceOptions) {
  const folder = mkdtempSync(path.join(tmpdir(), "accounts-"));
  /** Replaces the file at once, as deployments do. */
  const file = (name: string, text: string) => {
    const target = path.join(folder, name);
    writeFileSync(`${target}.new`, text);
    renameSync(`${target}.new`, target);
    return target;
  };
  // JSON is YAML.
  const write = (settings: AccountSettings) => file("accounts.yaml", JSON.stringify(settings, null, 2));
  const all: Readonly<Record<string, string>> = {
    PORT: "0",
    GRPC_PORT: "0",
    DAXPAY_CHECK: "off",
    WATCH_JITTER: "0",
    DAXPAY_ACCOUNTS_FILE: write(accounts(file)),
    ...variables?.(file),
  };
  const source = { env: (name: string) => all[name], readFile: readTextFile, isTerminal: false };
  const result = readConfig(source);
  if (result.kind === "invalid") throw new RangeError(result.problems.join("; "));
  const app = await createApp(result.config, {
    countFreeDescriptors: (max) => max,
    readAccounts: () => readAccounts(source),
    ...dependencies,
  });
  const client = (token?: string) => {
    const authorize: Interceptor = (next) => (request) => {
      if (token) request.header.set("authorization", `Bearer ${token}`);
      return next(request);
    };
    const transport = createGrpcTransport({ baseUrl: app.addresses.grpc, interceptors: [authorize] });
    return createClient(RefundSyncService, transport);
  };
  return { app, http: app.addresses.http, file, write, client, [Symbol.asyncDispose]: () => app.close() };
}
