-- Roles with the least rights, and the two schemas, in a database of the service's own. Run it before the first migration, as a
-- superuser or as the database's owner with CREATEROLE:
--   psql --set=ON_ERROR_STOP=1 --file=deploy/roles.sql refundsync
-- Roles that exist stay as they are. Set the passwords afterwards, so that no log and no history has them:
--   \password refundsync_owner
--   \password refundsync_service
--   \password refundsync_prune
-- What the last two may do with each table is granted by `deno task migrate`, after every change of the tables.
BEGIN;

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['refundsync_owner', 'refundsync_service', 'refundsync_prune'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
      EXECUTE format('CREATE ROLE %I LOGIN', name);
    END IF;
  END LOOP;
  -- Who is no superuser creates schemas for others only as their member.
  IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
    EXECUTE format('GRANT refundsync_owner TO %I', current_user);
  END IF;
  -- The database was created for this service: nobody else needs it.
  EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
  EXECUTE format(
    'GRANT CONNECT ON DATABASE %I TO refundsync_owner, refundsync_service, refundsync_prune', current_database());
  -- A commit that was acknowledged must survive a crash, whatever the server's default is.
  EXECUTE format('ALTER ROLE refundsync_service IN DATABASE %I SET synchronous_commit = on', current_database());
END
$$;

-- Owns all tables; for `deno task migrate` only.
CREATE SCHEMA IF NOT EXISTS refundsync AUTHORIZATION refundsync_owner;
CREATE SCHEMA IF NOT EXISTS pgboss AUTHORIZATION refundsync_owner;

COMMIT;
