import type { DaxPayOptions } from "../daxpay/client.ts";
import {
  type Release,
  RELEASE_NAMES,
  type ReleaseName,
  RELEASES,
  signingScheme,
  signsWithKeys,
  type SignType,
  signTypesOf,
} from "../daxpay/release.ts";
import { createSigner, type Signer } from "../daxpay/signer.ts";
import { type Secret, secretsOf } from "./secret.ts";

/** One way to send a request: as configured, or with parts of the configuration replaced. */
export interface Attempt {
  readonly release: ReleaseName;
  readonly path: string;
  readonly signType: SignType;
  /** Unused where the release signs with keys. */
  readonly secret: Secret;
  /** What is signed in place of the request's members; themselves unless set. */
  readonly variant?: StringVariant;
}

/** `wrong`: another string, whose signature no DaxPay accepts. `utcTime`: as betas of v4 before 4.0.0-beta signed. */
export type StringVariant = "wrong" | "utcTime";

/** Signs and verifies as the attempt does. */
export function signerOf({ release, signType, secret }: Attempt, options: DaxPayOptions): Signer {
  return createSigner(release, { ...options, signType, secret: secret.text });
}

/** Whether the configuration holds what the release signs with. */
function isSignable(release: ReleaseName, { secret, privateKey, platformKeys }: DaxPayOptions): boolean {
  return signsWithKeys(release) ? Boolean(privateKey && platformKeys?.length) : secret !== "";
}

export function configuredAttempt(options: DaxPayOptions): Attempt {
  const { release, signType } = options;
  return { release, signType, path: options.path ?? RELEASES[release].path, secret: secretsOf(options)[0] };
}

/**
 * Every other way to send it, those with the fewest changes first. Newer releases precede older ones, because 2.0.8
 * also accepts what 2.0.7 expects, but not vice versa.
 */
export function otherAttempts(options: DaxPayOptions): Attempt[] {
  const configured = configuredAttempt(options);
  const releases = [configured.release, ...RELEASE_NAMES.toReversed()]
    .filter((name, index, all) => all.indexOf(name) === index && (name !== "documented" || index === 0))
    .filter((name) => isSignable(name, options));
  const attempts = releases.flatMap((release) =>
    pathsOf(release, options).flatMap((path) =>
      signTypesFor(release, options.signType).flatMap((signType) =>
        secretsFor(release, options).map((secret): Attempt => ({ release, path, signType, secret }))
      )
    )
  );
  const changes = (attempt: Attempt) =>
    Number(attempt.release !== configured.release || attempt.path !== configured.path) +
    Number(attempt.signType !== configured.signType) +
    Number(attempt.secret.flaws.length > 0);
  const wires = new Set([wireOf(configured)]);
  return attempts.sort((a, b) => changes(a) - changes(b)).filter((attempt) => {
    const wire = wireOf(attempt);
    return !wires.has(wire) && wires.add(wire);
  });
}

/** What reaches DaxPay of an attempt: at one path, two releases may expect the same. */
function wireOf(attempt: Attempt): string {
  const { nonce, identity, time }: Release = RELEASES[attempt.release];
  return JSON.stringify([
    attempt.path,
    nonce === "always",
    identity,
    time.expected,
    ...(signsWithKeys(attempt.release) ? [] : [signingScheme(attempt.release, attempt.signType), attempt.secret.text]),
  ]);
}

/** A configured path is tried with every release, since a proxy may rename the path. */
function pathsOf(release: ReleaseName, { path }: DaxPayOptions): string[] {
  const own = RELEASES[release].path;
  return path === undefined || path === own ? [own] : [path, own];
}

/** With keys there is nothing to read in another way. */
function secretsFor(name: ReleaseName, options: DaxPayOptions): Secret[] {
  const secrets = secretsOf(options);
  return signsWithKeys(name) ? secrets.slice(0, 1) : secrets;
}

/** The release's sign types, the preferred one first, one for each algorithm that its server really computes. */
function signTypesFor(name: ReleaseName, preferred: SignType): SignType[] {
  const algorithms = signTypesOf(RELEASES[name]);
  const types = Object.keys(algorithms) as SignType[];
  if (types.length === 0) return [preferred];
  return types
    .sort((a, b) => Number(b === preferred) - Number(a === preferred))
    .filter((type, index, all) => all.findIndex((other) => algorithms[other] === algorithms[type]) === index);
}
