import { randomUUID } from "node:crypto";
import pg from "pg";
import type { TestProject } from "vitest/node";
import { findPostgres, startPostgres } from "./postgres.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Of a cluster that all test files share, for tests that only need a database; undefined where none is installed. */
    readonly postgresUrl: string | undefined;
  }
}

/** Starts the cluster for the whole run. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  if (!findPostgres()) {
    project.provide("postgresUrl", undefined);
    return () => Promise.resolve();
  }
  // The cluster's supervisor keeps no process alive, and nothing else does here.
  const alive = setInterval(() => {}, 1_000);
  const postgres = await startPostgres({ settings: { max_connections: "400" } }).finally(() => clearInterval(alive));
  project.provide("postgresUrl", postgres.url());
  return async () => await postgres[Symbol.asyncDispose]();
}

/** Makes an empty database in the shared cluster, and returns its URL. */
export async function createSharedDatabase(postgresUrl: string): Promise<string> {
  const name = `test_${randomUUID().replaceAll("-", "")}`;
  const client = new pg.Client({ connectionString: postgresUrl });
  await client.connect();
  try {
    await client.query(`CREATE DATABASE ${name}`);
  } finally {
    await client.end();
  }
  return postgresUrl.replace(/[^/]*$/, name);
}
