import type { Logger } from "@logtape/logtape";
import type { AccountConfig } from "../config/accounts.ts";
import type { Config } from "../config/read.ts";
import { type Release, RELEASES } from "../daxpay/release.ts";
import type { Server } from "../http/listen.ts";
import { hostPort } from "../util/url.ts";

/** Base URLs: HTTP/1.1 and cleartext HTTP/2; the same one with TLS. */
export interface Addresses {
  readonly http: string;
  readonly grpc: string;
}

/** `server` holds the ports that are bound. */
export function addressesOf({ host, tls }: Config, server: Pick<Server, "http" | "grpc">): Addresses {
  const scheme = tls ? "https" : "http";
  return {
    http: `${scheme}://${hostPort(host, server.http.port)}`,
    grpc: `${scheme}://${hostPort(host, server.grpc.port)}`,
  };
}

/** Releases of all accounts, separated by commas. */
export function releasesOf({ accounts }: Config): string {
  return [...new Set([...accounts.values()].map(({ daxpay }) => daxpay.release))].join(", ");
}

/** Logs where the service listens and what it calls. `shared`: whether replicas agree by a database. */
export function announce(logger: Logger, { accounts, tls }: Config, addresses: Addresses, shared: boolean): void {
  logger.info("Listening on {http} ({httpVersions}) and {grpc} (HTTP/2)", {
    ...addresses,
    httpVersions: tls ? "HTTP/1.1 and HTTP/2" : "HTTP/1.1",
  });
  for (const account of accounts.values()) {
    announceAccount(logger.with({ account: account.name }), account, shared);
  }
}

/** Logs which DaxPay an account is at, and what its release requires. */
export function announceAccount(
  logger: Logger,
  { name, daxpay: { release, url }, sync }: AccountConfig,
  shared: boolean,
): void {
  logger.info("Account {account}: DaxPay {release} at {url}", { account: name, release, url: url.href });
  const { resyncsClosed }: Release = RELEASES[release];
  if (!resyncsClosed && !shared) {
    logger.warn(
      "Run exactly one replica: two could sync the same refund at once, which DaxPay {release} may book twice",
      { release },
    );
    if (sync.settleOnStart) {
      logger.info("Sending only queries for {ms} ms, since an earlier process may have left a sync without a reply", {
        ms: sync.settleTimeoutMs,
      });
    }
  }
  if (release !== "documented") return;
  logger.warn("No known DaxPay serves refunds at {path}; set DAXPAY_RELEASE to the release that runs at {url}", {
    path: RELEASES.documented.path,
    url: url.href,
  });
}
