import leven, { closestMatch } from "leven";
import { VARIABLE_NAMES } from "./variables.ts";

/** Names that begin like these belong to this service, unless somebody else's happen to. */
const PREFIX = /^(DAXPAY|AUTH|TLS|WATCH|LOG|TRACK|STORE|DATABASE|WEBHOOK|CORS|STOP|REFLECTION|MAX_)/;
/** Of these, none is ignored: a misspelt one could leave money or access unprotected. */
const STRICT_PREFIX = /^(DAXPAY|AUTH|TLS)/;
/** Of these, none has an effect without a database. */
const STORE_PREFIX = /^(DATABASE|STORE|TRACK)_/;
/** Set by every login shell. */
const FOREIGN = new Set(["LOGNAME"]);
/** What other programs call the parts of DATABASE_URL. */
const FOREIGN_PART = /^DATABASE_(HOST|PORT|USER|USERNAME|PASSWORD|NAME|SCHEMA)$/;
/** Names of other programs that no prefix marks are only doubted when they are long and differ in one place. */
const MIN_LENGTH_WITHOUT_PREFIX = 8;

export interface NameFindings {
  /** Names that must not be ignored. */
  readonly problems: readonly string[];
  /** Names that may belong to another program. */
  readonly warnings: readonly string[];
}

/**
 * Finds variables that look like this service's and are not. One that is nearly a known name, or begins with DAXPAY, AUTH or
 * TLS, is a problem; another one that begins like a known name is a warning, and so is one that lacks DATABASE_URL.
 */
export function checkNames(names: readonly string[]): NameFindings {
  const problems: string[] = [];
  const warnings: string[] = [];
  const services = names.flatMap((name) => /^(.+)_SERVICE_HOST$/.exec(name)?.[1] ?? []);
  const hasDatabase = names.includes("DATABASE_URL") || names.includes("DATABASE_URL_FILE");
  for (const name of names) {
    if (VARIABLE_NAMES.includes(name)) {
      if (!hasDatabase && STORE_PREFIX.test(name)) {
        warnings.push(`${name}: expected DATABASE_URL as well, without which it has no effect, got nothing`);
      }
      continue;
    }
    if (FOREIGN.has(name)) continue;
    if (services.some((service) => isServiceLink(name, service))) continue;
    const prefixed = PREFIX.test(name);
    if (!prefixed && name.length < MIN_LENGTH_WITHOUT_PREFIX) continue;
    const nearest = nearestName(name);
    const maxDistance = prefixed ? Math.max(2, Math.floor(name.length / 4)) : 1;
    const similar = !FOREIGN_PART.test(name) && nearest !== undefined && leven(name, nearest) <= maxDistance;
    const hint = nearest === undefined ? "" : `; the nearest is ${nearest}`;
    const line = `${name}: expected a variable of this service, got an unknown one${hint}`;
    if (similar || STRICT_PREFIX.test(name)) problems.push(line);
    else if (prefixed) warnings.push(line);
  }
  return { problems, warnings };
}

/** Kubernetes sets these in every pod, for each Service of the namespace. */
function isServiceLink(name: string, service: string): boolean {
  return name.startsWith(`${service}_`) &&
    /^_(SERVICE_HOST|SERVICE_PORT(_.+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$/
      .test(name.slice(service.length));
}

/** The nearest known name, among those that begin alike if it begins like any. */
function nearestName(name: string): string | undefined {
  const prefix = PREFIX.exec(name)?.[0] ?? "";
  return closestMatch(name, VARIABLE_NAMES.filter((known) => known.startsWith(prefix)));
}
