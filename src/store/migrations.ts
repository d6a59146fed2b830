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
];
