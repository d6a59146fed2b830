import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import { pathOf } from "../util/url.ts";
import type { Handler, NodeServerRequest, NodeServerResponse } from "./handler.ts";

export interface StaticOptions {
  /** The build: index.html, and an "assets" folder whose file names contain a content hash. */
  readonly directory: URL;
  /** Served as /console.json. */
  readonly settings: () => unknown;
  /** Handles all other requests. */
  readonly fallback: Handler;
}

interface Asset {
  readonly type: string;
  readonly body: Buffer;
  readonly tag: string;
  readonly cache: string;
  /** Compressed on first use. */
  readonly encoded: Map<Encoding, Promise<Buffer>>;
}

type Encoding = "br" | "gzip" | "identity";

const TYPES: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
};

const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy": CONTENT_SECURITY_POLICY,
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=()",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

/** Quality 9 is 2 % larger than 11 and 20 times faster. */
const BROTLI = { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } };
const ONE_YEAR_S = 365 * 24 * 3600;

/** Serves the page at / and its files. Reads them all now: throws if the build is missing. */
export function createStatic({ directory, settings, fallback }: StaticOptions): Handler {
  const assets = readAssets(directory);

  return (request, response) => {
    const path = pathOf(request.url);
    const asset = path === "/console.json" ? jsonAsset(settings()) : assets.get(path);
    if (!asset || (request.method !== "GET" && request.method !== "HEAD")) return fallback(request, response);
    send(asset, request, response).catch((error) => response.destroy(error));
  };
}

async function send(asset: Asset, request: NodeServerRequest, response: NodeServerResponse): Promise<void> {
  const encoding = chosenEncoding(request.headers["accept-encoding"]);
  const tag = `"${asset.tag}-${encoding}"`;
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value);
  response.setHeader("content-type", asset.type);
  response.setHeader("cache-control", asset.cache);
  response.setHeader("vary", [response.getHeader("vary") ?? [], "Accept-Encoding"].flat().join(", "));
  response.setHeader("etag", tag);
  if (request.headers["if-none-match"]?.includes(tag)) {
    response.statusCode = 304;
    response.end();
    return;
  }
  const body = await encoded(asset, encoding);
  if (encoding !== "identity") response.setHeader("content-encoding", encoding);
  response.setHeader("content-length", body.length);
  response.end(request.method === "HEAD" ? "" : body);
}

function readAssets(directory: URL): ReadonlyMap<string, Asset> {
  const root = fileURLToPath(directory);
  const assets = new Map<string, Asset>();
  for (const entry of readdirSync(root, { recursive: true, encoding: "utf8" })) {
    const path = `/${entry.replaceAll("\\", "/")}`;
    const type = TYPES[path.slice(path.lastIndexOf(".") + 1)];
    if (!type) continue;
    // Only names that change with the content may be cached without revalidation.
    const cache = path.startsWith("/assets/") ? `public, max-age=${ONE_YEAR_S}, immutable` : "no-cache";
    const asset = createAsset(readFileSync(new URL(`.${path}`, directory)), type, cache);
    assets.set(path === "/index.html" ? "/" : path, asset);
  }
  if (!assets.has("/")) throw new TypeError(`Expected the built page in "${root}", but it has no index.html`);
  return assets;
}

function jsonAsset(value: unknown): Asset {
  return createAsset(Buffer.from(JSON.stringify(value)), "application/json", "no-cache");
}

function createAsset(body: Buffer, type: string, cache: string): Asset {
  const tag = createHash("sha256").update(body).digest("base64url").slice(0, 22);
  return { type, body, cache, tag, encoded: new Map([["identity", Promise.resolve(body)]]) };
}

function encoded(asset: Asset, encoding: Encoding): Promise<Buffer> {
  const known = asset.encoded.get(encoding);
  if (known) return known;
  const made = encoding === "br" ? promisify(brotliCompress)(asset.body, BROTLI) : promisify(gzip)(asset.body);
  asset.encoded.set(encoding, made);
  return made;
}

/** A weight of 0 means not acceptable (RFC 9110, 12.5.3). */
function chosenEncoding(header: string | string[] | undefined): Encoding {
  const accepted = String(header ?? "").split(",").map((part) => part.trim().toLowerCase().split(/\s*;\s*q=/));
  const takes = (name: string) => accepted.some(([coding, weight]) => coding === name && Number(weight ?? 1) > 0);
  return takes("br") ? "br" : takes("gzip") ? "gzip" : "identity";
}
