/**
 * Each is run once, in order; the table `migrations` has a row for those that were. Never change
 * one that was released: add the next. They make their tables in the schema of this name, quoted as
 * SQL wants it.
 */
export const migrations: readonly ((schema: string) => string)[] = [
  (schema) => `
  -- What was received; after the insert only its state may change.
  CREATE TABLE ${schema}.events (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text COLLATE "C" NOT NULL UNIQUE,
    key text NOT NULL,
    state text NOT NULL,
    event text,
    job_id text COLLATE "C",
    pattern_id text,
    received_at timestamptz NOT NULL,
    body bytea NOT NULL
  );
  CREATE INDEX events_job ON ${schema}.events (job_id, event)
    WHERE state IN ('accepted', 'superseded');

  -- What was seen; outlives the event by expires_at. The digest is that of the key, which may be
  -- longer than an index takes.
  CREATE TABLE ${schema}.keys (
    digest bytea PRIMARY KEY,
    event_id text COLLATE "C" NOT NULL,
    duplicates integer NOT NULL DEFAULT 0,
    expires_at timestamptz
  );
  CREATE INDEX keys_expiry ON ${schema}.keys (expires_at) WHERE expires_at IS NOT NULL;

  -- What is to be done: small rows that change often. state: 0 pending, 1 running, 2 succeeded,
  -- 3 dead. due_at is when a pending one may run and when a running one's lease ends. Vacuumed
  -- early, as each claim and each end leaves a dead row.
  CREATE TABLE ${schema}.deliveries (
    event_seq bigint NOT NULL,
    processor text COLLATE "C" NOT NULL,
    state smallint NOT NULL DEFAULT 0,
    attempts integer NOT NULL DEFAULT 0,
    fence bigint NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL,
    last_error text,
    PRIMARY KEY (event_seq, processor)
  ) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
  CREATE INDEX deliveries_due ON ${schema}.deliveries (processor, due_at, event_seq)
    WHERE state < 2;

  CREATE FUNCTION ${schema}.digest_of(key text) RETURNS bytea
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN sha256(convert_to(key, 'UTF8'));

  -- Stores an event, or counts it as a duplicate. A function, so that it is one statement and one
  -- round trip, and each step in it sees what others committed before that step.
  CREATE FUNCTION ${schema}.accept(
    new_id text, new_key text, new_state text, new_event text, new_job_id text,
    new_pattern_id text, new_received_at timestamptz, new_body bytea, new_processors jsonb
  ) RETURNS TABLE (id text, state text, identical boolean)
  LANGUAGE plpgsql AS $$
  #variable_conflict use_column
  DECLARE
    new_digest bytea := ${schema}.digest_of(new_key);
    first_id text;
    new_seq bigint;
  BEGIN
    LOOP
      INSERT INTO ${schema}.keys (digest, event_id) VALUES (new_digest, new_id)
        ON CONFLICT (digest) DO NOTHING;
      EXIT WHEN FOUND;
      UPDATE ${schema}.keys SET duplicates = duplicates + (event_id <> new_id)::integer
        WHERE digest = new_digest RETURNING event_id INTO first_id;
      -- Not found: it has expired and was deleted in between.
      CONTINUE WHEN NOT FOUND;
      RETURN QUERY SELECT events.id, events.state, events.body = new_body
        FROM ${schema}.events WHERE events.id = first_id;
      IF NOT FOUND THEN
        RETURN QUERY SELECT first_id, new_state, true;
      END IF;
      RETURN;
    END LOOP;

    IF new_state = 'accepted' AND new_event IN ('job.succeeded', 'job.failed') THEN
      -- Of a job's both ends, stored at the same time, neither would see the other.
      PERFORM pg_advisory_xact_lock(1231906647, hashtext(new_job_id));
      IF new_event = 'job.failed' AND EXISTS (
        SELECT FROM ${schema}.events WHERE job_id = new_job_id AND event = 'job.succeeded'
          AND state IN ('accepted', 'superseded')
      ) THEN
        new_state := 'superseded';
      END IF;
    END IF;

    INSERT INTO ${schema}.events (id, key, state, event, job_id, pattern_id, received_at, body)
      VALUES (new_id, new_key, new_state, new_event, new_job_id, new_pattern_id, new_received_at,
        new_body)
      RETURNING seq INTO new_seq;
    IF new_state <> 'superseded' THEN
      INSERT INTO ${schema}.deliveries (event_seq, processor, due_at)
        SELECT new_seq, name, clock_timestamp() FROM jsonb_array_elements_text(new_processors) name;
    END IF;
    IF new_state = 'accepted' AND new_event = 'job.succeeded' THEN
      WITH failures AS (
        UPDATE ${schema}.events SET state = 'superseded'
          WHERE job_id = new_job_id AND event = 'job.failed' AND state = 'accepted' RETURNING seq
      )
      DELETE FROM ${schema}.deliveries USING failures
        WHERE event_seq = failures.seq AND deliveries.state IN (0, 3);
    END IF;
    RETURN QUERY SELECT new_id, new_state, true;
  END
  $$;
  `,
];
