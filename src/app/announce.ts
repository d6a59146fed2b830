import type { Logger } from "@logtape/logtape";
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

/** Logs where the service listens and what it calls. */
export function announce(logger: Logger, { daxpay, tls }: Config, addresses: Addresses): void {
  const { release, url } = daxpay;
  logger.info("Listening on {http} ({httpVersions}) and {grpc} (HTTP/2); upstream DaxPay {release} at {url}", {
    ...addresses,
    httpVersions: tls ? "HTTP/1.1 and HTTP/2" : "HTTP/1.1",
    release,
    url: url.href,
  });
  const { resyncsClosed }: Release = RELEASES[release];
  if (!resyncsClosed) {
    logger.warn(
      "Run exactly one replica: two could sync the same refund at once, which DaxPay {release} may book twice",
      {
        release,
      },
    );
  }
  if (release !== "documented") return;
  logger.warn("No known DaxPay serves refunds at {path}; set DAXPAY_RELEASE to the release that runs at {url}", {
    path: RELEASES.documented.path,
    url: url.href,
  });
}
