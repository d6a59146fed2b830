import { type Accounts, readAccounts, webhookErrors } from "./accounts.ts";
import { crossFieldErrors } from "./checks.ts";
import { checkNames } from "./names.ts";
import { hasDatabase, readCa, type StoreConfig, storeFrom } from "./store.ts";
import { type ConfigSource, isComplete, readValues } from "./values.ts";
import { type CheckMode, type CompleteValues, SERVICE_NAMES, type ServiceName, type Values } from "./variables.ts";

/** The service's configuration. */
export interface Config {
  readonly accounts: Accounts;
  /** Every file that the accounts were read from, by its path. */
  readonly accountFiles: readonly string[];
  /** What the check of DaxPay at startup is for. */
  readonly check: CheckMode;
  /** Delays in milliseconds; `jitter` from 0 to 1. */
  readonly watch: { readonly waits: readonly [number, ...number[]]; readonly jitter: number };
  /** Undefined without a database. */
  readonly store: StoreConfig | undefined;
  /** Milliseconds for which a refund is tracked that does not become final. */
  readonly trackTimeoutMs: number;
  readonly host: string;
  /** HTTP/1.1; with TLS also HTTP/2. */
  readonly port: number;
  /** Cleartext HTTP/2; unused with TLS. */
  readonly grpcPort: number;
  readonly tls: TlsConfig | undefined;
  readonly auth: AuthConfig;
  /** Origins whose pages may call. */
  readonly corsOrigins: readonly string[];
  /** Whether pages of this machine may call as well; only `deno task dev` sets it. */
  readonly corsLocalhost: boolean;
  /** Over both ports. */
  readonly maxConnections: number;
  /** Milliseconds; undefined for unlimited. */
  readonly maxConnectionAgeMs: number | undefined;
  /** Milliseconds for calls in flight at shutdown. */
  readonly stopTimeoutMs: number;
  readonly log: LogConfig;
  readonly webhooks: WebhooksConfig;
}

export interface WebhooksConfig {
  /** Host names, addresses and CIDR blocks; see `createAddressPolicy`. */
  readonly allowPrivate: readonly string[];
  /** Milliseconds for one delivery. */
  readonly timeoutMs: number;
}

export interface TlsConfig {
  readonly certFile: string;
  readonly keyFile: string;
  /** Enables client certificates. */
  readonly clientCaFile: string | undefined;
}

export interface JwtConfig {
  readonly jwksUrl: URL;
  readonly issuer: string;
  readonly audience: string;
  readonly scope: string | undefined;
}

export interface AuthConfig {
  readonly tokensFile: string | undefined;
  readonly jwt: JwtConfig | undefined;
  /** Whether reflection requires no credentials. */
  readonly openReflection: boolean;
}

export interface LogConfig {
  readonly level: "trace" | "debug" | "info" | "warning" | "error" | "fatal";
  readonly format: "json" | "text";
}

/** The configuration, or all of its problems, one line each and without any secret. */
export type ConfigResult =
  | { readonly kind: "valid"; readonly config: Config; readonly warnings: readonly string[] }
  | { readonly kind: "invalid"; readonly problems: readonly string[] };

export interface ReadOptions {
  /** Accepts secrets with characters that nobody types: the doctor finds out whether DaxPay accepts the secret without them. */
  readonly acceptUntypedSecrets?: boolean;
}

/** Reads and validates all variables, and the accounts file. */
export function readConfig(source: ConfigSource, { acceptUntypedSecrets = false }: ReadOptions = {}): ConfigResult {
  const label = (name: string, asFile: boolean) => asFile ? `${name}_FILE` : name;
  const service = readValues(SERVICE_NAMES, source, { label, acceptUntypedSecrets });
  const { accounts, problems, files } = readAccounts(source, acceptUntypedSecrets);
  const names = checkNames(source.names?.() ?? []);
  const ca = readCa(hasDatabase(source) ? service.values.DATABASE_CA_FILE : undefined, source);
  const all = [
    ...problems,
    ...service.problems,
    ...crossFieldErrors(service.values, service.invalid),
    ...ca.problems,
    ...(service.invalid.has("WEBHOOK_ALLOW_PRIVATE")
      ? []
      : webhookErrors(accounts, service.values.WEBHOOK_ALLOW_PRIVATE)),
    ...names.problems,
  ];
  return all.length > 0 || !isComplete(SERVICE_NAMES, service.values) ? { kind: "invalid", problems: all } : {
    kind: "valid",
    config: { accounts, accountFiles: files, ...configFrom(service.values, ca.pem, source.isTerminal) },
    warnings: names.warnings,
  };
}

function configFrom(
  values: CompleteValues<ServiceName>,
  ca: string | undefined,
  isTerminal: boolean,
): Omit<Config, "accounts" | "accountFiles"> {
  return {
    check: values.DAXPAY_CHECK,
    watch: { waits: values.WATCH_SCHEDULE, jitter: values.WATCH_JITTER },
    store: storeFrom(values, ca),
    trackTimeoutMs: values.TRACK_TIMEOUT,
    host: values.HOST,
    port: values.PORT,
    grpcPort: values.GRPC_PORT,
    tls: tlsFrom(values),
    auth: {
      tokensFile: values.AUTH_TOKENS_FILE,
      jwt: jwtFrom(values),
      openReflection: values.REFLECTION === "open",
    },
    corsOrigins: values.CORS_ORIGINS ?? [],
    corsLocalhost: false,
    maxConnections: values.MAX_CONNECTIONS,
    maxConnectionAgeMs: values.MAX_CONNECTION_AGE,
    stopTimeoutMs: values.STOP_TIMEOUT_MS,
    log: { level: values.LOG_LEVEL, format: values.LOG_FORMAT ?? (isTerminal ? "text" : "json") },
    webhooks: { allowPrivate: values.WEBHOOK_ALLOW_PRIVATE ?? [], timeoutMs: values.WEBHOOK_TIMEOUT_MS },
  };
}

function tlsFrom(values: Values<ServiceName>): TlsConfig | undefined {
  const { TLS_CERT_FILE: certFile, TLS_KEY_FILE: keyFile, TLS_CLIENT_CA_FILE: clientCaFile } = values;
  return certFile && keyFile ? { certFile, keyFile, clientCaFile } : undefined;
}

function jwtFrom(values: Values<ServiceName>): JwtConfig | undefined {
  const { AUTH_JWKS_URL: jwksUrl, AUTH_ISSUER: issuer, AUTH_AUDIENCE: audience, AUTH_SCOPE: scope } = values;
  return jwksUrl && issuer && audience ? { jwksUrl, issuer, audience, scope } : undefined;
}
