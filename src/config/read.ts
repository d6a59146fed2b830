import type { DaxPayOptions } from "../daxpay/client.ts";
import type { RateLimitOptions } from "../refund/rate-limiter.ts";
import type { QueryMode } from "../refund/query-mode.ts";
import { describeUntyped, escapeUntyped, hasUntyped } from "../util/characters.ts";
import { crossFieldErrors } from "./checks.ts";
import { checkNames } from "./names.ts";
import { type CheckMode, type CompleteValues, REQUIRED, type Values, type Variable, VARIABLES } from "./variables.ts";

/** The service's configuration. */
export interface Config {
  readonly daxpay: DaxPayOptions;
  /** What the check of DaxPay at startup is for. */
  readonly check: CheckMode;
  readonly sync: SyncConfig;
  readonly rateLimit: RateLimitOptions;
  /** Delays in milliseconds; `jitter` from 0 to 1. */
  readonly watch: { readonly waits: readonly [number, ...number[]]; readonly jitter: number };
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
}

export interface SyncConfig {
  readonly queryMode: QueryMode;
  /** Milliseconds for which a sync without a reply stays in doubt. */
  readonly settleTimeoutMs: number;
  readonly settleOnStart: boolean;
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

/** Where a configuration comes from. */
export interface ConfigSource {
  /** Value of an environment variable. */
  readonly env: (name: string) => string | undefined;
  /** Lists the variables that are not empty, if they may be listed. */
  readonly names?: () => readonly string[];
  /** Reads a regular file of bounded size; see `readTextFile`. */
  readonly readFile: (path: string) => string;
  readonly isTerminal: boolean;
}

/** The configuration, or all of its problems, one line each and without any secret. */
export type ConfigResult =
  | { readonly kind: "valid"; readonly config: Config; readonly warnings: readonly string[] }
  | { readonly kind: "invalid"; readonly problems: readonly string[] };

export interface ReadOptions {
  /** Accepts secrets with characters that nobody types: the doctor finds out whether DaxPay accepts the secret without them. */
  readonly acceptUntypedSecrets?: boolean;
}

/** Reads and validates all variables. */
export function readConfig(source: ConfigSource, { acceptUntypedSecrets = false }: ReadOptions = {}): ConfigResult {
  const problems: string[] = [];
  const invalid = new Set<string>();
  const report = (name: string, problem: string, variable = name) => {
    problems.push(`${variable}: ${problem}`);
    invalid.add(name);
  };
  const entries = Object.entries(VARIABLES).map(([name, variable]: [string, Variable]) => {
    const text = rawValue(name, variable, source, report);
    if (text === undefined) {
      if (REQUIRED.some((required) => required === name) && !invalid.has(name)) {
        report(name, `expected ${variable.expected}, got nothing`);
      }
      return [name, undefined];
    }
    if (hasUntyped(text) && !variable.multiline && !(variable.secret && acceptUntypedSecrets)) {
      const got = `${forDisplay(text, variable)} with ${describeUntyped(text)}`;
      report(name, `expected ${variable.expected}, got ${got}`);
      return [name, undefined];
    }
    const parsed = variable.schema.safeParse(text);
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      const got = issue.code === "custom" && issue.params?.got ? issue.message : forDisplay(text, variable);
      report(name, `expected ${variable.expected}, got ${got}`);
    }
    return [name, parsed.data];
  });
  const values: Values = Object.fromEntries(entries);
  const names = checkNames(source.names?.() ?? []);
  problems.push(...crossFieldErrors(values, invalid), ...names.problems);
  return problems.length > 0 || !isComplete(values)
    ? { kind: "invalid", problems }
    : { kind: "valid", config: configFrom(values, source.isTerminal), warnings: names.warnings };
}

function configFrom(values: CompleteValues, isTerminal: boolean): Config {
  return {
    daxpay: {
      url: values.DAXPAY_URL,
      release: values.DAXPAY_RELEASE,
      path: values.DAXPAY_SYNC_PATH,
      signType: values.DAXPAY_SIGN_TYPE,
      secret: values.DAXPAY_SIGN_SECRET ?? "",
      previousSecret: values.DAXPAY_SIGN_SECRET_PREVIOUS,
      privateKey: values.DAXPAY_PRIVATE_KEY,
      platformKeys: values.DAXPAY_PLATFORM_KEYS,
      appId: values.DAXPAY_APP_ID,
      mchNo: values.DAXPAY_MCH_NO,
      clientIp: values.DAXPAY_CLIENT_IP,
      timeoutMs: values.DAXPAY_TIMEOUT_MS,
      timeZone: values.DAXPAY_TIME_ZONE,
      maxSkewMs: values.DAXPAY_MAX_SKEW_MS,
    },
    check: values.DAXPAY_CHECK,
    sync: {
      queryMode: values.DAXPAY_QUERY,
      settleTimeoutMs: values.DAXPAY_SETTLE_TIMEOUT,
      settleOnStart: values.DAXPAY_SETTLE_ON_START,
    },
    rateLimit: { rate: values.DAXPAY_RATE, concurrency: values.DAXPAY_CONCURRENCY },
    watch: { waits: values.WATCH_SCHEDULE, jitter: values.WATCH_JITTER },
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
  };
}

function tlsFrom(values: Values): TlsConfig | undefined {
  const { TLS_CERT_FILE: certFile, TLS_KEY_FILE: keyFile, TLS_CLIENT_CA_FILE: clientCaFile } = values;
  return certFile && keyFile ? { certFile, keyFile, clientCaFile } : undefined;
}

function jwtFrom(values: Values): JwtConfig | undefined {
  const { AUTH_JWKS_URL: jwksUrl, AUTH_ISSUER: issuer, AUTH_AUDIENCE: audience, AUTH_SCOPE: scope } = values;
  return jwksUrl && issuer && audience ? { jwksUrl, issuer, audience, scope } : undefined;
}

type Report = (name: string, problem: string, variable?: string) => void;

/** An empty variable counts as unset, since compose files and manifests pass unknown ones as "". */
function rawValue(name: string, variable: Variable, source: ConfigSource, report: Report): string | undefined {
  const direct = source.env(name) || undefined;
  if (!variable.secret) return direct ?? variable.default;
  const fileVariable = `${name}_FILE`;
  const file = source.env(fileVariable) || undefined;
  if (file === undefined) return direct;
  if (direct !== undefined) {
    report(name, `expected either ${name} or ${fileVariable}, got both`);
    return undefined;
  }
  try {
    // Editors end the last line; line breaks are not part of the secret.
    const content = source.readFile(file).replace(/[\r\n]+$/, "");
    if (content) return content;
    report(name, `expected ${variable.expected}, got an empty file "${file}"`, fileVariable);
  } catch (error) {
    // Who mistakes NAME_FILE for NAME puts the secret itself there.
    const problem = /^[./]/.test(file)
      ? `cannot read "${file}": ${(error as Error).message}`
      : 'expected a path that begins with "/" or ".", got another text, not shown because it may be the secret itself';
    report(name, problem, fileVariable);
  }
  return undefined;
}

function forDisplay(text: string, variable: Variable): string {
  return variable.secret
    ? `${text.length} characters`
    : escapeUntyped(JSON.stringify(withoutCredentials(text).slice(0, 200)));
}

/** Removes user, password and query, where credentials are often put. */
function withoutCredentials(text: string): string {
  return text.replace(/(?<=:\/\/).*@/s, "…@").replace(/(?<=:\/\/[^?]*\?).*/s, "…");
}

function isComplete(values: Values): values is CompleteValues {
  return Object.entries(VARIABLES).every(([name, variable]: [string, Variable]) =>
    values[name as keyof Values] !== undefined ||
    (variable.default === undefined && !REQUIRED.some((required) => required === name))
  );
}
