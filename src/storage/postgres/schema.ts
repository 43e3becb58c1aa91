/**
 * Each is run once, in order; the table `migrations` has a row for those that were. Never change
 * one that was released: add the next, also where only a function changes, as the functions are made
 * anew behind the last. They make their tables in the schema of this name, quoted as SQL wants it.
 */
export const migrations: readonly ((schema: string) => string)[] = [
  (schema) => `
  -- What was received; after the insert only its state may change. Vacuumed early, so that to count
  -- them reads an index only.
  CREATE TABLE ${schema}.events (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text COLLATE "C" NOT NULL UNIQUE,
    key text NOT NULL,
    state text NOT NULL,
    origin text NOT NULL,
    event text,
    job_id text COLLATE "C",
    pattern_id text,
    received_at timestamptz NOT NULL,
    body bytea NOT NULL
  ) WITH (autovacuum_vacuum_insert_scale_factor = 0.02);
  CREATE INDEX events_job ON ${schema}.events (job_id, event) WHERE job_id IS NOT NULL;
  CREATE INDEX events_received ON ${schema}.events (received_at);
  CREATE INDEX events_not_accepted ON ${schema}.events (state, seq) WHERE state <> 'accepted';

  -- What was seen; outlives the event by expires_at. The digest is that of the key, which may be
  -- longer than an index takes.
  CREATE TABLE ${schema}.keys (
    digest bytea PRIMARY KEY,
    event_id text COLLATE "C" NOT NULL,
    duplicates integer NOT NULL DEFAULT 0,
    expires_at timestamptz
  );
  CREATE INDEX keys_expiry ON ${schema}.keys (expires_at) WHERE expires_at IS NOT NULL;
  CREATE INDEX keys_repeated ON ${schema}.keys (duplicates)
    WHERE duplicates > 0 AND expires_at IS NULL;

  -- What is to be done: small rows that change often. state: 0 pending, 1 running, 2 succeeded,
  -- 3 dead. due_at is when a pending one may run, when a running one's lease ends and when the others
  -- ended. Vacuumed early, as each claim and each end leaves a dead row.
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
  CREATE INDEX deliveries_dead ON ${schema}.deliveries (event_seq, due_at, processor)
    WHERE state = 3;

  -- Which jobs' ends are awaited. ask_at: null where ImgGo is not to be asked by itself.
  CREATE TABLE ${schema}.expectations (
    job_id text COLLATE "C" PRIMARY KEY,
    pattern_id text,
    deadline_at timestamptz NOT NULL,
    asked integer NOT NULL DEFAULT 0,
    ask_at timestamptz,
    last_error text
  );
  CREATE INDEX expectations_ask ON ${schema}.expectations (ask_at) WHERE ask_at IS NOT NULL;
  CREATE INDEX expectations_deadline ON ${schema}.expectations (deadline_at, job_id);

  -- What was refused for its signature, in the order in which it was stored.
  CREATE TABLE ${schema}.rejections (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text COLLATE "C" NOT NULL UNIQUE,
    received_at timestamptz NOT NULL,
    signature text NOT NULL,
    stored_at timestamptz NOT NULL,
    body bytea NOT NULL
  )`,

  (schema) => `
  ALTER TABLE ${schema}.events ADD COLUMN trace_parent text;
  ${droppedFunction(schema, "accept(text,text,text,text,text,text,text,timestamptz,bytea,jsonb)")};

  -- For whoever looks at events. What nearly every event has is left out: it is found by going through
  -- them from the last one on.
  CREATE INDEX events_pattern ON ${schema}.events (pattern_id, seq) WHERE pattern_id IS NOT NULL;
  CREATE INDEX events_name ON ${schema}.events (event, seq) WHERE event <> 'job.succeeded';
  DROP INDEX ${schema}.events_received;
  CREATE INDEX events_received ON ${schema}.events (received_at, seq);

  -- started_at: when the attempt began that is not in history: it runs, or the delivery succeeded by
  -- it. So what succeeds at once, as most does, has no history. That is a list of the attempts that
  -- ended before, as with_attempt() makes it.
  ALTER TABLE ${schema}.deliveries ADD COLUMN started_at timestamptz, ADD COLUMN history jsonb;
  CREATE INDEX deliveries_pending ON ${schema}.deliveries (event_seq) WHERE state = 0;
  CREATE INDEX deliveries_running ON ${schema}.deliveries (event_seq) WHERE state = 1;
  CREATE INDEX deliveries_died ON ${schema}.deliveries (due_at, event_seq) WHERE state = 3;
  -- A hash, as an error may be longer than an index takes.
  CREATE INDEX deliveries_error
    ON ${schema}.deliveries (hashtextextended(last_error, 0), event_seq, processor) WHERE state = 3;

  -- What happened within each minute.
  CREATE TABLE ${schema}.activity (
    starts_at timestamptz PRIMARY KEY,
    accepted bigint NOT NULL,
    duplicates bigint NOT NULL,
    rejected bigint NOT NULL,
    dead bigint NOT NULL
  )`,
  // What it takes and what it gives are others now.
  (schema) =>
    droppedFunction(
      schema,
      "accept(text,text,text,text,text,text,text,timestamptz,bytea,jsonb,text)",
    ),
];

/** Asked for first, as some clients print that nothing was there to drop. */
function droppedFunction(schema: string, signature: string): string {
  return `DO $$
  BEGIN
    IF to_regprocedure('${schema}.${signature}') IS NOT NULL THEN
      DROP FUNCTION ${schema}.${signature};
    END IF;
  END
  $$`;
}
