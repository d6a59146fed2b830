import type { DaxPayOptions } from "../daxpay/client.ts";
import { type Release, RELEASE_NAMES, type ReleaseName, RELEASES, type SignType } from "../daxpay/release.ts";
import type { SigningScheme } from "../daxpay/sign.ts";
import { type Secret, secretsOf } from "./secret.ts";

/** One way to ask: as configured, or with something of it replaced. */
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

export function ruleOf({ release: name, signType }: Pick<Attempt, "release" | "signType">): SigningScheme {
  const release: Release = RELEASES[name];
  const algorithm = release.algorithms[signType];
  if (!algorithm) throw new RangeError(`DaxPay ${name} has no sign type ${signType}`);
  return { algorithm, upperCase: release.upperCase };
}

/**
 * Every other way to ask, those that change least first. A newer release stands before an older one, because 2.0.8
 * also accepts what 2.0.7 sends, but not the reverse.
 */
export function otherAttempts(options: DaxPayOptions): Attempt[] {
  const configured = configuredAttempt(options);
  const releases = [configured.release, ...RELEASE_NAMES.toReversed()]
    .filter((name, at, all) => all.indexOf(name) === at && (name !== "documented" || at === 0));
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
    Number(attempt.secret.flaw !== undefined);
  const wires = new Set([wireOf(configured)]);
  return attempts.sort((a, b) => changes(a) - changes(b)).filter((attempt) => {
    const wire = wireOf(attempt);
    return !wires.has(wire) && wires.add(wire);
  });
}

/** What DaxPay gets to see of an attempt: at one path, two releases may send the same. */
function wireOf(attempt: Attempt): string {
  const { nonce, identity, time }: Release = RELEASES[attempt.release];
  return JSON.stringify([
    attempt.path,
    nonce === "always",
    identity,
    time.expected,
    ruleOf(attempt),
    attempt.secret.text,
  ]);
}

/** A path of the configuration's own is tried with every release, since a proxy may stand before it. */
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
    .filter((type, at, all) => all.findIndex((other) => algorithms[other] === algorithms[type]) === at);
}
