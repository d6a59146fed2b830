import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import manifest from "../../package.json" with { type: "json" };
import { readConfig } from "../../src/config/read.ts";
import { readDatabase } from "../../src/config/store.ts";
import { VARIABLE_NAMES } from "../../src/config/variables.ts";
import { RefundSyncService } from "../../src/gen/daxpay/refundsync/v1/refund_sync_pb.ts";
import { Health } from "../../src/gen/grpc/health/v1/health_pb.ts";
import { createSandbox } from "../../src/sandbox/sandbox.ts";
import { parseDatabaseUrl } from "../../src/util/database-url.ts";
import { startProcess } from "../support/process.ts";
import { buildImage, type Image } from "./image.ts";

// deno-lint-ignore no-explicit-any -- a manifest is looked at member by member
type Manifest = any;

const FILE = path.resolve(import.meta.dirname ?? "", "../../deploy/kubernetes.yaml");
const ROLES = readFileSync(path.resolve(import.meta.dirname ?? "", "../../deploy/roles.sql"), "utf8");
const MIGRATE = ["run", "-P=migrate", "--cached-only", "--frozen", "src/cli/migrate.ts"];
const documents: Manifest[] = parseAllDocuments(readFileSync(FILE, "utf8")).map((document) => {
  expect(document.errors).toEqual([]);
  return document.toJS();
});
const one = (kind: string) => documents.find((document) => document.kind === kind);
const secret: Readonly<Record<string, string>> = one("Secret").stringData;
const owner = documents.findLast(({ kind }) => kind === "Secret");
const { metadata, spec: pod } = one("Deployment").spec.template;
const [container] = pod.containers;
const [migration] = pod.initContainers;
const variablesOf = ({ env }: Manifest): Record<string, string> =>
  Object.fromEntries(env.map(({ name, value }: Manifest) => [name, value]));
const variables = variablesOf(container);
const [{ mountPath }] = container.volumeMounts;
/** Resolves a port that may be named. */
const port = (named: string | number) =>
  container.ports.find(({ name }: Manifest) => name === named)?.containerPort ?? named;

let image: Image;
beforeAll(() => void (image = buildImage()));
afterAll(() => image.remove());

test("kubernetes.yaml contains a valid configuration, of the files that it mounts", () => {
  expect(Object.keys(variables).filter((name) => !VARIABLE_NAMES.includes(name))).toEqual([]);
  const all: Record<string, string> = { ...image.variables, ...variables };
  const result = readConfig({
    env: (name) => all[name],
    readFile(file) {
      expect(path.dirname(file)).toBe(mountPath);
      return secret[path.basename(file)];
    },
    isTerminal: false,
  });
  if (result.kind === "invalid") throw new Error(result.problems.join("\n"));
  const { config } = result;
  expect(Object.keys(secret).map((key) => path.join(mountPath, key)).sort()).toEqual(
    Object.entries(variables).filter(([name]) => name.endsWith("_FILE")).map(([, file]) => file).sort(),
  );
  expect(config.store).toMatchObject({ url: secret["database-url"], tls: true });
  expect([config.port, config.grpcPort]).toEqual([port("http"), port("grpc")]);
  expect(image.ports).toEqual([config.port, config.grpcPort]);
  // Telemetry may take 5 s after the last call.
  const stopS = container.lifecycle.preStop.sleep.seconds + config.stopTimeoutMs / 1000 + 5;
  expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(stopS);
});

test("kubernetes.yaml migrates the same database first, as its owner and with verified TLS", () => {
  expect(migration.command).toEqual(["deno", ...MIGRATE]);
  const result = readDatabase({
    env: (name) => variablesOf(migration)[name],
    readFile(file) {
      expect(path.dirname(file)).toBe(migration.volumeMounts[0].mountPath);
      return owner.stringData[path.basename(file)];
    },
    isTerminal: false,
  });
  if (result.kind === "invalid") throw new Error(result.problems.join("\n"));
  expect(result.database.tls).toBe(true);
  const [own, service] = [result.database.url, secret["database-url"]].map(parseDatabaseUrl);
  expect({ ...own, user: service.user }).toEqual(service);
  for (const { user } of [own, service]) expect(ROLES).toContain(`'${user}'`);
  // The service itself cannot read the owner's password.
  expect(pod.volumes.find(({ secret }: Manifest) => secret.secretName === owner.metadata.name).name)
    .toBe(migration.volumeMounts[0].name);
  expect(container.volumeMounts.map(({ name }: Manifest) => name)).not.toContain(migration.volumeMounts[0].name);
});

test("kubernetes.yaml's objects match each other and this release", () => {
  for (const { image } of [container, migration]) expect(image).toBe(`${manifest.name}:${manifest.version}`);
  for (const selector of [one("Deployment").spec.selector.matchLabels, one("Service").spec.selector]) {
    expect(metadata.labels).toMatchObject(selector);
  }
  expect(metadata.labels).toMatchObject(one("PodDisruptionBudget").spec.selector.matchLabels);
  expect(one("PodDisruptionBudget").spec.minAvailable).toBeLessThan(one("Deployment").spec.replicas);
  expect(pod.volumes.map(({ secret }: Manifest) => secret.secretName)).toEqual(
    [one("Secret"), owner].map(({ metadata }) => metadata.name),
  );
  expect(one("Service").spec.ports.map(({ targetPort }: Manifest) => port(targetPort))).toEqual(image.ports);
});

test("kubernetes.yaml's pod meets the restricted Pod Security Standard", () => {
  expect(pod.securityContext).toMatchObject({
    runAsNonRoot: true,
    runAsUser: Number(image.user),
    seccompProfile: { type: "RuntimeDefault" },
  });
  for (const { securityContext, volumeMounts } of [container, migration]) {
    expect(securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
    expect(volumeMounts.filter(({ readOnly }: Manifest) => !readOnly)).toEqual([]);
  }
  expect(pod.automountServiceAccountToken).toBe(false);
});

test("the Dockerfile's entry point runs without network, writable files and a home, and its probes pass", async () => {
  const [program, ...args] = image.command;
  const write = `Deno.writeTextFileSync("src/new.ts", "")`;
  const { stderr } = await new Deno.Command(program, { args: [...args, "eval", write], cwd: image.folder }).output();
  expect(new TextDecoder().decode(stderr)).toContain("PermissionDenied");

  const folder = mkdtempSync(path.join(tmpdir(), "secrets-"));
  for (const [key, text] of Object.entries(secret)) writeFileSync(path.join(folder, key), text);
  const sandbox = await createSandbox({ release: "2.0.8", secret: secret["sign-secret"] });
  await using service = await startProcess({
    command: image.command,
    args: image.args,
    cwd: image.folder,
    variables: {
      ...image.variables,
      ...variables,
      HOME: "/nonexistent",
      DAXPAY_URL: sandbox.url,
      DAXPAY_SIGN_SECRET: "",
      DAXPAY_SIGN_SECRET_FILE: path.join(folder, "sign-secret"),
      AUTH_TOKENS_FILE: path.join(folder, "tokens"),
      DATABASE_URL_FILE: "",
      STORE_JOURNAL_KEY_FILE: "",
      HOST: "127.0.0.1",
    },
  });
  const at: Readonly<Record<number, string>> = { [port("http")]: service.http, [port("grpc")]: service.grpc };
  for (const { httpGet } of [container.startupProbe, container.livenessProbe]) {
    expect((await fetch(at[port(httpGet.port)] + httpGet.path)).status).toBe(200);
  }
  const { grpc } = container.readinessProbe;
  const health = createClient(Health, createGrpcTransport({ baseUrl: at[grpc.port] }));
  expect((await health.check({ service: grpc.service })).status).toBe(1);
  const client = createClient(RefundSyncService, createGrpcTransport({ baseUrl: service.grpc }));
  const [, token] = /^billing (\S+)$/m.exec(secret.tokens) ?? [];
  const headers = { authorization: `Bearer ${token}` };
  expect((await client.syncRefund({ refundNo: "R-SUCCEEDS" }, { headers })).refund?.daxpayStatus).toBe(
    "success",
  );

  service.kill("SIGTERM");
  expect([(await service.ended).code, service.errors()]).toEqual([0, []]);
  await sandbox.close();
});
