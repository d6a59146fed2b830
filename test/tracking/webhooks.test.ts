import { once } from "node:events";
import http from "node:http";
import https from "node:https";
import type { AddressInfo } from "node:net";
import type { PgBoss } from "pg-boss";
import { Webhook } from "standardwebhooks";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { runWebhooks } from "../../src/cli/webhooks.ts";
import type { Database } from "../../src/store/database.ts";
import { openTestDatabase } from "../support/test-database.ts";
import { migrate } from "../../src/store/migrate.ts";
import { startQueue } from "../../src/store/queue.ts";
import { listDeadLetters, redeliver } from "../../src/tracking/dead-letters.ts";
import type { EventKind, TrackingEvent } from "../../src/tracking/tracking.ts";
import type { DeadLetter, WebhookEndpoint, WebhookEvent, WebhookRow, Webhooks } from "../../src/tracking/webhook.ts";
import { createWebhooks, type WebhooksOptions } from "../../src/tracking/webhooks.ts";
import { createAddressPolicy } from "../../src/util/address-policy.ts";
import { createAuthority } from "../support/authority.ts";
import { newEventOf } from "./values.ts";

const SECRET = `whsec_${btoa("a secret of 24 bytes ...")}`;
const PREVIOUS = `whsec_${btoa("the one before, 26 bytes..")}`;

let database: Database;
let boss: PgBoss;

beforeAll(async () => {
  database = await openTestDatabase();
  await migrate(database);
  boss = await startQueue(database, { onError: (error) => console.error(error), supervise: false });
});
afterAll(async () => {
  await boss.stop({ graceful: false });
  await database[Symbol.asyncDispose]();
});

interface Received {
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
  readonly id: string;
}
type Answer = http.RequestListener;
interface Receiver {
  readonly url: URL;
  readonly received: Received[];
  answer: Answer;
}

const OK: Answer = (_request, response) => void response.writeHead(204).end();
const answerWith = (status: number, headers: http.OutgoingHttpHeaders = {}): Answer => (_request, response) =>
  void response.writeHead(status, headers).end();

let cleanUp: (() => Promise<unknown>)[];
beforeEach(() => {
  cleanUp = [];
});
afterEach(async () => {
  for (const work of cleanUp.reverse()) await work();
  await database.query("DELETE FROM pgboss.job");
});

async function startReceiver(
  { host = "127.0.0.1", port = 0, tls }: { host?: string; port?: number; tls?: https.ServerOptions } = {},
): Promise<Receiver> {
  const receiver: { -readonly [K in keyof Receiver]: Receiver[K] } = {
    url: new URL("http://x"),
    received: [],
    answer: OK,
  };
  const listener: Answer = async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    receiver.received.push({ headers: request.headers, body, id: String(request.headers["webhook-id"]) });
    receiver.answer(request, response);
  };
  const server = tls ? https.createServer(tls, listener) : http.createServer(listener);
  server.listen(port, host);
  await once(server, "listening");
  receiver.url = new URL(`${tls ? "https" : "http"}://${host}:${(server.address() as AddressInfo).port}/hook?a=1`);
  cleanUp.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return receiver;
}

let lastSeq = 0;
/** Rows of one account, a refund for each number. */
const rowsOf = (account: string, ...refundIds: number[]): WebhookRow[] =>
  refundIds.map((refundId) => ({ seq: ++lastSeq, account, refundId }));

const eventOf = (seq: number, kind: EventKind = "CHANGED"): TrackingEvent => ({
  ...newEventOf({ kind, account: "shop", refundNo: "R1" }),
  cursor: String(seq),
  eventAt: 1_700_000_000_000 + seq,
});

interface Delivery {
  readonly webhooks: Webhooks;
  readonly events: WebhookEvent[];
  send(...rows: WebhookRow[]): Promise<void>;
  /** Waits for an event of that type, the nth. */
  seen(type: WebhookEvent["type"], count?: number): Promise<void>;
}

function startDelivery(
  endpoints: Readonly<Record<string, Pick<WebhookEndpoint, "url"> & Partial<WebhookEndpoint>>>,
  options: Partial<WebhooksOptions> = {},
): Delivery {
  const events: WebhookEvent[] = [];
  const webhooks = createWebhooks({
    database,
    boss,
    endpointOf: (account) =>
      Object.hasOwn(endpoints, account)
        ? { secret: SECRET, previousSecret: undefined, ...endpoints[account] }
        : undefined,
    readEvent: (seq) => Promise.resolve(eventOf(seq)),
    serialize: ({ cursor }) => JSON.stringify({ cursor, note: "退款" }),
    policy: createAddressPolicy(["127.0.0.1"]),
    timeoutMs: 5_000,
    onEvent: (event) => events.push(event),
    pollMs: 10,
    retryDelayMs: () => 20,
    ...options,
  });
  webhooks.start();
  cleanUp.push(() => webhooks.stop());
  return {
    webhooks,
    events,
    async send(...rows) {
      await database.transaction((tx) => webhooks.enqueue(tx, rows));
      webhooks.wake();
    },
    seen: (type, count = 1) =>
      vi.waitFor(
        () => expect(events.filter((event) => event.type === type).length).toBeGreaterThanOrEqual(count),
        { interval: 5, timeout: 4_000 },
      ),
  };
}

const dead = async (): Promise<DeadLetter[]> => await Array.fromAsync(listDeadLetters(boss));
const verify = (secret: string, { body, headers }: Received) =>
  new Webhook(secret).verify(body, headers as Record<string, string>);

describe("createWebhooks()", () => {
  test("delivers an event that the library verifies, over the connection's own path and query", async () => {
    const receiver = await startReceiver();
    const { send, seen, events } = startDelivery({ shop: receiver }, {
      readEvent: (seq) => Promise.resolve(eventOf(seq, "FINAL")),
    });
    const [row] = rowsOf("shop", 1);
    await send(row);
    await seen("delivered");
    const [received] = receiver.received;
    expect(verify(SECRET, received)).toEqual({
      type: "refund.final",
      timestamp: new Date(1_700_000_000_000 + row.seq).toISOString(),
      data: { cursor: String(row.seq), note: "退款" },
    });
    expect(received.id).toBe(String(row.seq));
    expect(received.headers["content-type"]).toBe("application/json");
    expect(() => verify(PREVIOUS, received)).toThrow("No matching signature");
    expect(events).toEqual([{ type: "delivered", row, ms: expect.any(Number), attempt: 1 }]);
    expect(await database.query("SELECT 1 FROM pgboss.job")).toEqual([]);
  });

  test("signs with the current and the previous secret while they are rotated", async () => {
    const receiver = await startReceiver();
    const { send, seen } = startDelivery({ shop: { url: receiver.url, previousSecret: PREVIOUS } });
    await send(...rowsOf("shop", 1));
    await seen("delivered");
    const [received] = receiver.received;
    expect(String(received.headers["webhook-signature"]).split(" ")).toHaveLength(2);
    expect(verify(SECRET, received)).toEqual(verify(PREVIOUS, received));
  });

  test("keeps the order of one refund under failures, and lets no refund wait for another", async () => {
    const receiver = await startReceiver();
    let attempts = 0;
    const rows = rowsOf("shop", 1, 1, 2, 1);
    const [first, , other] = rows;
    receiver.answer = (request, response) =>
      request.headers["webhook-id"] === String(first.seq) && ++attempts < 4
        ? answerWith(500)(request, response)
        : OK(request, response);
    const { send, seen } = startDelivery({ shop: receiver });
    await send(...rows);
    await seen("delivered", 4);
    const ids = receiver.received.map(({ id }) => Number(id));
    const ofFirstRefund = ids.filter((id) => id !== other.seq);
    expect(ofFirstRefund).toEqual([first.seq, first.seq, first.seq, first.seq, rows[1].seq, rows[3].seq]);
    expect(ids.indexOf(other.seq)).toBeLessThan(ids.lastIndexOf(first.seq));
  });

  test("orders by the time of the call, not of the transaction's begin, as the journal does", async () => {
    const receiver = await startReceiver();
    const rows = rowsOf("shop", 7, 7);
    const { send, seen, webhooks } = startDelivery({ shop: receiver }, { pollMs: 1_000_000 });
    // pg-boss itself takes the time at which the transaction began, here 20 ms before.
    await database.transaction(async (tx) => {
      await tx.query("SELECT 1");
      await new Promise((resolve) => setTimeout(resolve, 20));
      await webhooks.enqueue(tx, [rows[1]]);
    });
    const [{ lateMs }] = await database.query<{ lateMs: number }>(
      `SELECT (extract(epoch FROM created_on - (keep_until - interval '365 days')) * 1000)::float8 AS "lateMs" FROM pgboss.job`,
    );
    expect(lateMs).toBeGreaterThan(15);
    await send(rows[0]);
    await seen("delivered", 2);
    expect(receiver.received.map(({ id }) => Number(id))).toEqual([rows[1].seq, rows[0].seq]);
  });

  test("delivers events of one transaction by seq", async () => {
    const receiver = await startReceiver();
    const rows = rowsOf("shop", ...Array.from({ length: 8 }, () => 3));
    const { send, seen } = startDelivery({ shop: receiver });
    await send(...rows.toReversed());
    await seen("delivered", 8);
    expect(receiver.received.map(({ id }) => Number(id))).toEqual(rows.map(({ seq }) => seq));
  });

  test("enqueues in the given transaction, and nothing for accounts without an endpoint", async () => {
    const receiver = await startReceiver();
    const { send, webhooks } = startDelivery({ shop: receiver });
    await send(...rowsOf("outlet", 1));
    await expect(database.transaction(async (tx) => {
      await webhooks.enqueue(tx, rowsOf("shop", 1));
      throw new Error("rolled back");
    })).rejects.toThrow("rolled back");
    expect(await webhooks.stats()).toEqual({ waiting: 0, oldestMs: 0, dead: 0 });
  });

  test("lets no account wait for the hanging endpoint of another", async () => {
    const receiver = await startReceiver();
    const hanging = await startReceiver();
    hanging.answer = () => {};
    const { send, seen, webhooks, events } = startDelivery({ shop: receiver, hung: hanging }, {
      timeoutMs: 300,
      concurrency: 3,
      accountConcurrency: 2,
    });
    await send(...rowsOf("hung", 1, 2, 3, 4, 5, 6), ...rowsOf("shop", 7, 8, 9));
    await seen("delivered", 3);
    expect(events.map(({ type }) => type)).toEqual(["delivered", "delivered", "delivered"]);
    expect(hanging.received).toHaveLength(2);
    expect(await webhooks.stats()).toMatchObject({ waiting: 6, oldestMs: expect.any(Number) });
    await seen("failed");
    expect(events.find(({ type }) => type === "failed")).toMatchObject({
      failure: { reason: "TIMEOUT", message: "no response within 300 ms" },
    });
  });

  test("gives up after the last attempt and goes on with the refund's next event", async () => {
    const receiver = await startReceiver();
    const rows = rowsOf("shop", 1, 1);
    receiver.answer = (request, response) =>
      answerWith(request.headers["webhook-id"] === String(rows[0].seq) ? 503 : 200)(request, response);
    const { send, seen, events, webhooks } = startDelivery({ shop: receiver }, { maxAttempts: 3 });
    await send(...rows);
    await seen("delivered");
    expect(receiver.received.map(({ id }) => Number(id))).toEqual([
      ...[0, 0, 0, 1].map((index) => rows[index].seq),
    ]);
    expect(events.map(({ type }) => type)).toEqual(["failed", "failed", "dead", "delivered"]);
    expect(await dead()).toEqual([
      { ...rows[0], attempts: 3, reason: "STATUS", message: "HTTP 503", diedAt: expect.any(Number) },
    ]);
    expect(await webhooks.stats()).toEqual({ waiting: 0, oldestMs: 0, dead: 1 });
  });

  test("gives up at once on 410, and where the endpoint or the event is gone", async () => {
    const receiver = await startReceiver();
    receiver.answer = answerWith(410);
    const endpoints: Record<string, Receiver> = { shop: receiver, gone: receiver };
    const { send, seen } = startDelivery(endpoints, {
      readEvent: (seq) => Promise.resolve(seq % 2 ? eventOf(seq) : undefined),
      pollMs: 1_000_000,
    });
    lastSeq += lastSeq % 2;
    const rows = [...rowsOf("shop", 1, 2), ...rowsOf("gone", 3)];
    await database.transaction((tx) => createEnqueue(tx, rows, endpoints));
    delete endpoints.gone;
    await send();
    await seen("dead", 3);
    const letters = (await dead()).sort((a, b) => a.seq - b.seq);
    expect(letters.map(({ attempts, reason }) => [attempts, reason])).toEqual([
      [1, "GONE"],
      [0, "EVENT_MISSING"],
      [0, "NOT_CONFIGURED"],
    ]);
  });

  test("waits as long as Retry-After asks, at most 6 h", async () => {
    const receiver = await startReceiver();
    const waits: Record<number, string> = { 1: "0", 2: "3600", 3: "999999" };
    const rows = rowsOf("shop", 1, 2, 3);
    receiver.answer = (request, response) => {
      const { refundId } = rows.find(({ seq }) => String(seq) === request.headers["webhook-id"]) ?? { refundId: 0 };
      answerWith(429, { "retry-after": waits[refundId] })(request, response);
    };
    const { send, seen, events } = startDelivery({ shop: receiver }, { retryDelayMs: () => 60_000 });
    await send(...rows);
    await seen("failed", 3);
    const delays = new Map(
      events.map((event) => event.type === "failed" ? [event.row.refundId, event.delayMs] : [0, 0]),
    );
    expect([1, 2, 3].map((refundId) => delays.get(refundId))).toEqual([60_000, 3_600_000, 6 * 3_600_000]);
    const due = await database.query<{ seconds: number }>(
      `SELECT round(extract(epoch FROM start_after - now()) / 60)::float8 * 60 AS seconds FROM pgboss.job ORDER BY id`,
    );
    expect(due.map(({ seconds }) => seconds)).toEqual([60, 3_600, 6 * 3_600]);
  });

  test("delivers again, with the same id, what a process delivered that was killed before it could record that", async () => {
    const receiver = await startReceiver();
    const killed: PgBoss = new Proxy(boss, {
      get: (target, name) => {
        if (name === "deleteJob") return () => Promise.reject(new Error("killed"));
        const value = Reflect.get(target, name);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
    const first = startDelivery({ shop: receiver }, { boss: killed });
    const rows = rowsOf("shop", 1, 1);
    await first.send(...rows);
    await first.seen("error");
    await first.webhooks.stop();
    const { seen, events } = startDelivery({ shop: receiver }, {});
    await database.query("UPDATE pgboss.job SET started_on = now() - interval '61 seconds' WHERE state = 'active'");
    await boss.supervise("webhook");
    // Its turn comes with the backoff.
    await database.query("UPDATE pgboss.job SET start_after = now() WHERE state = 'retry'");
    await seen("delivered", 2);
    expect(receiver.received.map(({ id }) => Number(id))).toEqual([rows[0].seq, rows[0].seq, rows[1].seq]);
    expect(events[0]).toMatchObject({ type: "delivered", row: rows[0], attempt: 2 });
    expect(() => receiver.received.forEach((received) => verify(SECRET, received))).not.toThrow();
  });

  test("never follows a redirect", async () => {
    const target = await startReceiver();
    const receiver = await startReceiver();
    receiver.answer = answerWith(307, { location: target.url.href });
    const { send, seen, events } = startDelivery({ shop: receiver }, { maxAttempts: 1 });
    await send(...rowsOf("shop", 1));
    await seen("dead");
    expect(events[0]).toMatchObject({ failure: { reason: "REDIRECTED", message: "HTTP 307" } });
    expect(target.received).toEqual([]);
  });

  test("reads no more than 4 KiB of a response and needs none of it", async () => {
    const receiver = await startReceiver();
    const closed = Promise.withResolvers<number>();
    receiver.answer = (_request, response) => {
      let written = 0;
      const write = () => {
        if (response.destroyed) return;
        written += 65_536;
        response.write(Buffer.alloc(65_536));
      };
      response.on("drain", write).on("close", () => closed.resolve(written));
      write();
    };
    const { send, seen } = startDelivery({ shop: receiver });
    await send(...rowsOf("shop", 1));
    await seen("delivered");
    expect(await closed.promise).toBeLessThan(32 * 1024 * 1024);
  });

  test("connects to the address that was checked, whatever the name resolves to later", async () => {
    const allowed = await startReceiver({ host: "127.0.0.2" });
    const internal = await startReceiver({ host: "127.0.0.1", port: Number(allowed.url.port) });
    const url = new URL(`http://rebind.example:${allowed.url.port}/`);
    const answers = ["127.0.0.2", "127.0.0.1"];
    let lookups = 0;
    const { send, seen, events } = startDelivery({ shop: { url } }, {
      lookup: () => Promise.resolve([answers[lookups++]]),
      policy: { ...createAddressPolicy(["127.0.0.2"]), problem: () => undefined },
      maxAttempts: 1,
    });
    await send(...rowsOf("shop", 1));
    await seen("delivered");
    expect([lookups, allowed.received.length]).toEqual([1, 1]);
    expect(allowed.received[0].headers.host).toBe(url.host);
    await send(...rowsOf("shop", 1));
    await seen("dead");
    expect(events[1]).toMatchObject({
      failure: { reason: "ADDRESS_REFUSED", message: expect.stringContaining("127.0.0.1") },
    });
    expect(internal.received).toEqual([]);
  });

  test("refuses a host one of whose addresses is private, and http to a host that is not allowed", async () => {
    const { send, seen, events } = startDelivery({
      mixed: { url: new URL("https://mixed.example/") },
      plain: { url: new URL("http://plain.example/") },
      literal: { url: new URL("https://[::ffff:169.254.169.254]/") },
    }, {
      lookup: (host) => Promise.resolve(host === "mixed.example" ? ["1.1.1.1", "192.0.2.9"] : ["1.1.1.1"]),
      maxAttempts: 1,
      timeoutMs: 300,
    });
    await send(...rowsOf("mixed", 1), ...rowsOf("plain", 2), ...rowsOf("literal", 3));
    await seen("dead", 3);
    expect(events.map((event) => event.type === "dead" && event.failure.reason)).toEqual(
      Array(3).fill("ADDRESS_REFUSED"),
    );
  });

  test("verifies the receiver's certificate for the host's name, not for its address", async () => {
    const authority = await createAuthority();
    const { cert, key } = await authority.issue("receiver");
    const receiver = await startReceiver({ tls: { cert, key } });
    const options = { ca: authority.ca, lookup: () => Promise.resolve(["127.0.0.1"]), maxAttempts: 1 };
    const { send, seen, events } = startDelivery({
      address: receiver,
      name: { url: new URL(`https://other.example:${receiver.url.port}/`) },
    }, options);
    await send(...rowsOf("address", 1));
    await seen("delivered");
    await send(...rowsOf("name", 2));
    await seen("dead");
    expect(events[1]).toMatchObject({
      failure: { reason: "UNREACHABLE", message: expect.stringMatching(/other\.example/) },
    });
    expect(receiver.received).toHaveLength(1);
  });

  test("shows no secret and no URL in what it reports", async () => {
    const url = new URL("https://unreachable.example/token-in-path");
    const { send, seen, events } = startDelivery({ shop: { url, previousSecret: PREVIOUS } }, {
      lookup: () => Promise.reject(new Error("getaddrinfo ENOTFOUND unreachable.example")),
      maxAttempts: 1,
    });
    await send(...rowsOf("shop", 1));
    await seen("dead");
    const shown = JSON.stringify([events, await dead()]);
    expect(shown).toContain("ENOTFOUND");
    for (const text of [SECRET, PREVIOUS, "token-in-path"]) expect(shown).not.toContain(text.replace("whsec_", ""));
  });
});

/** Queues rows as another replica would. */
async function createEnqueue(
  tx: Parameters<Webhooks["enqueue"]>[0],
  rows: readonly WebhookRow[],
  endpoints: Readonly<Record<string, object>>,
) {
  const { webhooks } = startIdle(endpoints);
  await webhooks.enqueue(tx, rows);
}

function startIdle(endpoints: Readonly<Record<string, object>>) {
  const webhooks = createWebhooks({
    database,
    boss,
    endpointOf: (account) =>
      Object.hasOwn(endpoints, account)
        ? { url: new URL("https://idle.example"), secret: SECRET, previousSecret: undefined }
        : undefined,
    readEvent: () => Promise.resolve(undefined),
    serialize: () => "{}",
    policy: createAddressPolicy([]),
    timeoutMs: 1,
    onEvent: () => {},
  });
  return { webhooks };
}

describe("redeliver()", () => {
  test("delivers the dead letters of the filter again, in their order and with all attempts", async () => {
    const receiver = await startReceiver();
    receiver.answer = answerWith(500);
    const { send, seen } = startDelivery({ shop: receiver, outlet: receiver }, { maxAttempts: 1 });
    const rows = [...rowsOf("shop", 1, 1, 1), ...rowsOf("outlet", 2)];
    await send(...rows);
    await seen("dead", 4);
    receiver.answer = OK;
    receiver.received.length = 0;
    expect(await redeliver(database, boss, { account: "shop", seq: rows[3].seq })).toEqual([]);
    expect(await redeliver(database, boss, { account: "shop" })).toEqual(rows.slice(0, 3));
    await seen("delivered", 3);
    expect(receiver.received.map(({ id }) => Number(id))).toEqual(rows.slice(0, 3).map(({ seq }) => seq));
    expect((await dead()).map(({ account }) => account)).toEqual(["outlet"]);
  });
});

describe("deno task webhooks", () => {
  const variables: Record<string, string> = { DATABASE_URL: "postgres://user@127.0.0.1/refunds" };

  async function run(...args: string[]) {
    const output: string[] = [];
    const errors: string[] = [];
    const code = await runWebhooks(args, {
      config: { env: (name) => variables[name], readFile: () => "", isTerminal: false },
      openDatabase: () => ({ ...database, [Symbol.asyncDispose]: () => Promise.resolve() }),
      print: (text) => output.push(text),
      printError: (text) => errors.push(text),
    });
    return { code, output, errors };
  }

  test("lists and redelivers dead letters", async () => {
    const receiver = await startReceiver();
    receiver.answer = answerWith(404);
    const { send, seen } = startDelivery({ shop: receiver }, { maxAttempts: 1 });
    const [row] = rowsOf("shop", 5);
    await send(row);
    await seen("dead");
    const { output: [line] } = await run("list");
    expect(line).toMatch(new RegExp(`^shop  seq ${row.seq}  refund 5  1 attempts  20\\S+Z  STATUS: HTTP 404$`));
    const { output: [json] } = await run("list", "--json", "--account", "shop");
    expect(JSON.parse(json)).toMatchObject({ ...row, attempts: 1, reason: "STATUS" });
    expect(await run("list", "--account", "outlet")).toEqual({ code: 0, output: [], errors: [] });
    receiver.answer = OK;
    expect(await run("redeliver", "--seq", "999999")).toMatchObject({ code: 1, output: [] });
    expect(await run("redeliver", "--all")).toMatchObject({ code: 0, output: ["Redelivering 1 event"] });
    await seen("delivered");
    expect(await dead()).toEqual([]);
  });

  test("refuses wrong arguments", async () => {
    const cases: [string[], RegExp][] = [
      [[], /expected one of list, redeliver/],
      [["redeliver"], /--all: expected either .* got neither/],
      [["redeliver", "--all", "--seq", "1"], /got both/],
      [["redeliver", "--seq", "0"], /--seq: expected a whole number from 1, got "0"/],
      [["list", "--all"], /--all: expected only with redeliver/],
      [["list", "--account", "a b"], /--account: expected the name of an account/],
    ];
    for (const [args, problem] of cases) {
      const { code, errors } = await run(...args);
      expect([code, errors.join()]).toEqual([2, expect.stringMatching(problem)]);
    }
    delete variables.DATABASE_URL;
    expect(await run("list")).toMatchObject({ code: 2, output: [] });
    expect((await run("--help")).output.join()).toContain("redeliver");
  });
});
