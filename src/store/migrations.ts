/** One change of the schema. Never edited once released: a later change is a further migration. */
export interface Migration {
  readonly name: string;
  readonly sql: string;
}

/**
 * Every migration in order. The service itself needs only SELECT, INSERT, UPDATE and DELETE on tables that they create, and
 * on the journal only SELECT and INSERT.
 */
export const MIGRATIONS: readonly Migration[] = [
  {
    name: "0001_refunds",
    sql: `
-- Tells a restored or replaced database from the one that the service has written to.
CREATE TABLE identity (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  store_id uuid NOT NULL DEFAULT gen_random_uuid(),
  created_at timestamptz NOT NULL DEFAULT now(),
  adopted_at timestamptz
);

-- One DaxPay and one of its merchants: within it a refundNo names one refund.
CREATE TABLE merchant (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  server text NOT NULL,
  mch_no text NOT NULL,
  UNIQUE (server, mch_no)
);

-- One row per refund: what is known of it, who may sync it, and when it is due.
CREATE TABLE refund (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  merchant_id integer NOT NULL REFERENCES merchant,
  account text NOT NULL,
  -- As named by a signed reply, or by a caller where no reply has named it yet.
  refund_no text,
  -- Unique within an application; NULL while only a caller has connected it with refund_no.
  app_id text NOT NULL,
  biz_refund_no text,
  -- The last verified state.
  status text,
  final boolean NOT NULL DEFAULT false,
  -- Whether it was ever verified as SUCCEEDED or CLOSED: then it is never synced again.
  settled boolean NOT NULL DEFAULT false,
  order_no text,
  state jsonb,
  state_at timestamptz,
  evidence jsonb,
  unchanged_since timestamptz,
  unchanged_count integer NOT NULL DEFAULT 0,
  -- The sync that was begun and whose answer is not recorded. Never ended by a clock of the database.
  claim uuid,
  claimed_at timestamptz,
  in_doubt boolean NOT NULL DEFAULT false,
  synced_at timestamptz,
  -- The schedule, which tracking and watches share.
  attempts bigint NOT NULL DEFAULT 0,
  last_attempt_at timestamptz,
  next_attempt_at timestamptz,
  -- Tracking; NULL where nobody has tracked it.
  tracking_state text,
  labels jsonb,
  tracked_at timestamptz,
  tracked_by text,
  expires_at timestamptz,
  request jsonb,
  last_failure jsonb,
  contradiction jsonb,
  -- A notice of DaxPay that no query has answered yet.
  notice jsonb,
  CHECK (refund_no IS NOT NULL OR biz_refund_no IS NOT NULL)
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX refund_refund_no ON refund (merchant_id, refund_no) WHERE refund_no IS NOT NULL;
CREATE UNIQUE INDEX refund_biz_refund_no ON refund (merchant_id, app_id, biz_refund_no) WHERE biz_refund_no IS NOT NULL;
CREATE INDEX refund_claim ON refund (merchant_id, order_no) WHERE claim IS NOT NULL;
CREATE INDEX refund_tracked ON refund (tracked_at, id) WHERE tracking_state IS NOT NULL;
CREATE INDEX refund_due ON refund (next_attempt_at) WHERE tracking_state = 'ACTIVE';

-- Every change, in commit order. Rows are chained by an HMAC whose key is not in the database.
CREATE TABLE journal (
  seq bigint PRIMARY KEY,
  -- Hashed in milliseconds.
  event_time timestamptz(3) NOT NULL,
  account text NOT NULL,
  refund_id bigint NOT NULL,
  kind text NOT NULL,
  -- JSON as hashed: text, since jsonb would change its bytes.
  body text NOT NULL,
  hash bytea NOT NULL
);

-- Where the chain starts: seq 0, and then the last row that was pruned. Signed with the same key.
CREATE TABLE journal_checkpoint (
  seq bigint PRIMARY KEY,
  hash bytea NOT NULL,
  -- That of the row, or for seq 0 when the journal was begun.
  event_time timestamptz(3) NOT NULL,
  created_at timestamptz(3) NOT NULL,
  signature bytea NOT NULL
);

-- Notices that were received, so that a repeated one changes nothing.
CREATE TABLE notice (
  hash bytea PRIMARY KEY,
  received_at timestamptz NOT NULL DEFAULT now()
);
`,
  },
  {
    name: "0002_budget",
    sql: `
-- The requests that DaxPay may get, one row per account. Times are milliseconds since 1970 by the database's clock.
CREATE TABLE budget (
  account text PRIMARY KEY,
  -- Requests that were sent: until when they count, in steps of 10 ms, and how many.
  sent_until bigint[] NOT NULL DEFAULT '{}',
  sent_count integer[] NOT NULL DEFAULT '{}',
  -- Requests that a replica may still send, and until when it may without booking again.
  holder text[] NOT NULL DEFAULT '{}',
  held_count integer[] NOT NULL DEFAULT '{}',
  held_until bigint[] NOT NULL DEFAULT '{}',
  -- When background work may have its next request, so that it spreads its requests over the window.
  background_from double precision NOT NULL DEFAULT 0,
  paused_until bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 10);

-- Milliseconds until so many of the requests no longer count; a window at most.
CREATE FUNCTION ms_until_free(sent_until bigint[], sent_count integer[], missing integer, now_ms bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$
  SELECT min(until) - now_ms FROM (
    SELECT until, sum(n) OVER (ORDER BY until) AS freed FROM unnest(sent_until, sent_count) AS known (until, n)
  ) AS step WHERE freed >= missing
$$;

-- Replaces what is known of the holder and grants what the window has room for. Where the clock was set back, no time blocks
-- for longer than it was ever set to; where it was set forward, everything counts on.
CREATE FUNCTION book_requests(
  in_account text, in_holder text, capacity integer, background_capacity integer, window_ms bigint,
  since_last_ms bigint, held integer, sent_ago_ms double precision[], unused_background integer,
  callers integer[], background integer[], pause_ms bigint,
  OUT granted_callers integer, OUT granted_background integer,
  OUT callers_in_ms bigint, OUT background_in_ms bigint, OUT paused_ms bigint
) LANGUAGE plpgsql AS $$
DECLARE
  -- How long a holder that is gone blocks what it held.
  max_held_ms CONSTANT bigint := 20000;
  max_pause_ms CONSTANT bigint := 10000;
  -- How far background work may catch up with what it did not use.
  catch_up_ms CONSTANT bigint := 100;
  -- What is held can become free at any time.
  callers_poll_ms CONSTANT bigint := 10;
  -- How far the clock may differ from the holder's, which also counts the time that a statement takes.
  max_difference_ms CONSTANT bigint := 2000;
  poll_ms CONSTANT bigint := 25;
  found_row budget;
  now_ms bigint;
  set_forward_ms bigint;
  sent integer;
  used integer;
  gap double precision;
  requests integer;
  missing integer;
  complete boolean := true;
BEGIN
  -- Until the end of this statement: after a crash of the database a window has passed before it answers again.
  PERFORM set_config('synchronous_commit', 'off', true);
  SELECT * INTO found_row FROM budget WHERE account = in_account FOR UPDATE;
  IF NOT FOUND THEN
    INSERT INTO budget (account) VALUES (in_account) ON CONFLICT DO NOTHING;
    SELECT * INTO found_row FROM budget WHERE account = in_account FOR UPDATE;
  END IF;
  -- Not before the row is locked, which can take a while.
  now_ms := floor(extract(epoch FROM clock_timestamp()) * 1000);

  SELECT (now_ms - (until - max_held_ms) - since_last_ms + 9) / 10 * 10 INTO set_forward_ms
    FROM unnest(found_row.holder, found_row.held_until) AS known (own, until) WHERE own = in_holder;
  IF set_forward_ms > max_difference_ms THEN
    found_row.sent_until := ARRAY(SELECT until + set_forward_ms FROM unnest(found_row.sent_until) AS until);
    found_row.held_until := ARRAY(SELECT until + set_forward_ms FROM unnest(found_row.held_until) AS until);
    found_row.background_from := found_row.background_from + set_forward_ms;
    found_row.paused_until := found_row.paused_until + set_forward_ms;
  END IF;

  SELECT coalesce(array_agg(until ORDER BY until), '{}'), coalesce(array_agg(n ORDER BY until), '{}'), coalesce(sum(n), 0)
    INTO found_row.sent_until, found_row.sent_count, sent
    FROM (
      SELECT until, sum(n)::integer AS n FROM (
        SELECT least(until, (now_ms + window_ms + 9) / 10 * 10) AS until, n
          FROM unnest(found_row.sent_until, found_row.sent_count) AS known (until, n)
        UNION ALL
        SELECT ceil((now_ms + window_ms - ago) / 10)::bigint * 10, 1 FROM unnest(sent_ago_ms) AS ago
      ) AS each WHERE until > now_ms GROUP BY until
    ) AS step;
  SELECT coalesce(array_agg(other), '{}'), coalesce(array_agg(n), '{}'), coalesce(array_agg(until), '{}'),
      sent + held + coalesce(sum(n), 0)
    INTO found_row.holder, found_row.held_count, found_row.held_until, used
    FROM (
      SELECT other, n, least(until, now_ms + max_held_ms) AS until
        FROM unnest(found_row.holder, found_row.held_count, found_row.held_until) AS known (other, n, until)
    ) AS each WHERE other <> in_holder AND until > now_ms;
  IF pause_ms > 0 THEN found_row.paused_until := greatest(found_row.paused_until, now_ms + pause_ms); END IF;
  found_row.paused_until := least(found_row.paused_until, now_ms + max_pause_ms);
  -- A pause that is over must not return when the clock is set back.
  IF found_row.paused_until <= now_ms THEN found_row.paused_until := 0; END IF;
  gap := window_ms::double precision / background_capacity;
  found_row.background_from := least(found_row.background_from, now_ms + window_ms) - unused_background * gap;

  granted_callers := 0;
  granted_background := 0;
  callers_in_ms := 0;
  background_in_ms := 0;
  paused_ms := greatest(found_row.paused_until - now_ms, 0);
  IF paused_ms = 0 THEN
    FOREACH requests IN ARRAY callers LOOP
      missing := used + requests - capacity;
      IF missing > 0 THEN
        complete := false;
        EXIT;
      END IF;
      used := used + requests;
      granted_callers := granted_callers + requests;
    END LOOP;
    IF NOT complete THEN
      callers_in_ms := ms_until_free(found_row.sent_until, found_row.sent_count, missing, now_ms);
      IF used > sent THEN callers_in_ms := least(callers_in_ms, callers_poll_ms); END IF;
      background_in_ms := greatest(callers_in_ms, poll_ms);
    ELSE
      FOREACH requests IN ARRAY background LOOP
        missing := used + requests - background_capacity;
        IF missing > 0 THEN
          background_in_ms := ms_until_free(found_row.sent_until, found_row.sent_count, missing, now_ms);
          IF used > sent THEN background_in_ms := least(background_in_ms, poll_ms); END IF;
          EXIT;
        END IF;
        EXIT WHEN found_row.background_from > now_ms;
        used := used + requests;
        granted_background := granted_background + requests;
        found_row.background_from := greatest(found_row.background_from, now_ms - catch_up_ms) + requests * gap;
      END LOOP;
      background_in_ms := greatest(background_in_ms, ceil(found_row.background_from) - now_ms, poll_ms);
    END IF;
  END IF;

  -- Also where it holds nothing: that says when it has booked last.
  found_row.holder := found_row.holder || in_holder;
  found_row.held_count := found_row.held_count || (held + granted_callers + granted_background);
  found_row.held_until := found_row.held_until || (now_ms + max_held_ms);
  UPDATE budget SET
    sent_until = found_row.sent_until, sent_count = found_row.sent_count,
    holder = found_row.holder, held_count = found_row.held_count, held_until = found_row.held_until,
    background_from = found_row.background_from, paused_until = found_row.paused_until
  WHERE account = in_account;
END
$$;
`,
  },
];
