import type { DaxPayOptions } from "../daxpay/client.ts";
import {
  type Release,
  RELEASE_NAMES,
  type ReleaseName,
  RELEASES,
  signingScheme,
  type SignType,
} from "../daxpay/release.ts";
import { type Secret, secretsOf } from "./secret.ts";

/** One way to send a request: as configured, or with parts of the configuration replaced. */
export interface Attempt {
  readonly release: ReleaseName;
  readonly path: string;
  readonly signType: SignType;
  readonly secret: Secret;
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
    .filter((name, index, all) => all.indexOf(name) === index && (name !== "documented" || index === 0));
  const attempts = releases.flatMap((release) =>
    pathsOf(release, options).flatMap((path) =>
      signTypesOf(release, options.signType).flatMap((signType) =>
        secretsOf(options).map((secret): Attempt => ({ release, path, signType, secret }))
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
    signingScheme(attempt.release, attempt.signType),
    attempt.secret.text,
  ]);
}

/** A configured path is tried with every release, since a proxy may rename the path. */
function pathsOf(release: ReleaseName, { path }: DaxPayOptions): string[] {
  const own = RELEASES[release].path;
  return path === undefined || path === own ? [own] : [path, own];
}

/** The release's sign types, the preferred one first, one for each algorithm that its server really computes. */
function signTypesOf(name: ReleaseName, preferred: SignType): SignType[] {
  const { algorithms }: Release = RELEASES[name];
  const types = Object.keys(algorithms) as SignType[];
  return types
    .sort((a, b) => Number(b === preferred) - Number(a === preferred))
    .filter((type, index, all) => all.findIndex((other) => algorithms[other] === algorithms[type]) === index);
}
