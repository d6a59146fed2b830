import { describe, expect, test } from "vitest";
import { type DatabaseAddress, isLocal, parseDatabaseUrl, socketPath } from "../../src/util/database-url.ts";

const ADDRESS: DatabaseAddress = {
  host: "db.example",
  port: 5432,
  user: "u",
  password: undefined,
  database: "d",
  requiresTls: false,
};

describe("parseDatabaseUrl()", () => {
  test.each<[string, Partial<DatabaseAddress>]>([
    ["postgres://u@db.example/d", {}],
    ["postgresql://u@db.example/d", {}],
    ["postgres://u:p%40%2F%3A%25@db.example:6543/d", { password: "p@/:%", port: 6543 }],
    ["postgres://a%40b@db.example/my%20data", { user: "a@b", database: "my data" }],
    ["postgres://u@[::1]:5433/d", { host: "::1", port: 5433 }],
    ["postgres://u@/d?host=/run/postgresql", { host: "/run/postgresql" }],
    ["postgres://u:p@/d?host=/run/postgresql&port=5433", { host: "/run/postgresql", port: 5433, password: "p" }],
    ["postgres://u@%2Frun%2Fpostgresql:5433/d", { host: "/run/postgresql", port: 5433 }],
    ["postgres://u@db.example/d?sslmode=require", { requiresTls: true }],
    ["postgres://u@db.example/d?sslmode=verify-full", { requiresTls: true }],
  ])("reads %s", (url, expected) => {
    expect(parseDatabaseUrl(url)).toEqual({ ...ADDRESS, ...expected });
  });

  test.each([
    ["mysql://u:pa55@h/d", /^no postgres: or postgresql: URL$/],
    ["host=h user=u password=pa55", /^no postgres: or postgresql: URL$/],
    ["postgres://u:pa55/w@h/d", /percent-encode/],
    ["postgres://u:pa55#x@h/d", /percent-encode|%23/],
    ["postgres://u:12?pa55@h/d", /without a database|another parameter|without a user/],
    ["postgres://u:pa55%zz@h/d", /%25/],
    ["postgres://u:pa55%ff@h/d", /UTF-8/],
    ["postgres://:pa55@h/d", /without a user/],
    ["postgres://u:pa55@h", /without the name of a database/],
    ["postgres://u:pa55@h/a/b", /without the name of a database/],
    ["postgres://u:pa55@/d", /without a host/],
    ["postgres://u:pa55@a,b/d", /a single one/],
    ["postgres://u:pa55@h/d?host=/run", /two hosts/],
    ["postgres://u:pa55@h:0/d", /port/],
    ["postgres://u:pa55@h:70000/d", /percent-encode|port/],
    ["postgres://u:pa55@h/d?sslmode=disable", /sslmode=disable.*DATABASE_TLS=off/],
    ["postgres://u:pa55@h/d?sslmode=allow", /sslmode=allow.*DATABASE_TLS=off/],
    ["postgres://u:pa55@h/d?sslmode=prefer", /sslmode=prefer.*DATABASE_TLS=off/],
    ["postgres://u:pa55@h/d?sslmode=no-verify", /sslmode=no-verify.*DATABASE_TLS=off/],
    ["postgres://u:pa55@h/d?sslmode=pa55", /another sslmode/],
    ["postgres://u:pa55@h/d?sslrootcert=/ca", /DATABASE_CA_FILE/],
    ["postgres://u:pa55@h/d?pa55=1", /another parameter/],
    ["postgres://u:pa55@h/d?options=-csearch_path=x", /another parameter/],
    ["postgres://u:pa55@h/d?sslmode=require&sslmode=require", /two values of sslmode/],
  ])("rejects %s, and shows nothing of it", (url, message) => {
    const read = () => parseDatabaseUrl(url);
    expect(read).toThrow(message);
    expect(read).not.toThrow(/pa55/);
  });
});

test.each([["127.0.0.1", true], ["localhost", true], ["[::1]", true], ["%2Frun", true], ["10.0.0.1", false], [
  "db",
  false,
]])(
  "isLocal() for the host %s is %s",
  (host, local) => {
    expect(isLocal(parseDatabaseUrl(`postgres://u@${host}/d`))).toBe(local);
  },
);

test("socketPath() is the one that PostgreSQL listens on", () => {
  expect(socketPath({ ...ADDRESS, host: "/run/postgresql/", port: 5433 })).toBe("/run/postgresql/.s.PGSQL.5433");
});
