/** Marks a file as ours: "ImgW", so that a file of something else is never taken for one. */
export const applicationId = 0x496d_6757;

/**
 * Each, a list of statements, is run once, in order; `user_version` counts those that were. Never
 * change one that was released: add the next.
 */
export const migrations: readonly (readonly string[])[] = [
  [
    // What was received; after the insert only its state may change. The body comes last, so that
    // reading the other columns does not touch its pages.
    `CREATE TABLE events (
      seq INTEGER PRIMARY KEY,
      id TEXT NOT NULL UNIQUE,
      key TEXT NOT NULL,
      state TEXT NOT NULL,
      event TEXT,
      job_id TEXT,
      pattern_id TEXT,
      received_at INTEGER NOT NULL,
      body BLOB NOT NULL
    ) STRICT`,
    "CREATE INDEX events_job ON events (job_id, event) WHERE state IN ('accepted', 'superseded')",

    // What was seen; outlives the event by expires_at.
    `CREATE TABLE keys (
      key TEXT PRIMARY KEY,
      event_id TEXT NOT NULL,
      duplicates INTEGER NOT NULL DEFAULT 0,
      expires_at INTEGER
    ) STRICT, WITHOUT ROWID`,
    "CREATE INDEX keys_expiry ON keys (expires_at) WHERE expires_at IS NOT NULL",

    // What is to be done: small rows that change often. state: 0 pending, 1 running, 2 succeeded,
    // 3 dead. due_at is when a pending one may run and when a running one's lease ends.
    `CREATE TABLE deliveries (
      event_seq INTEGER NOT NULL REFERENCES events (seq),
      processor TEXT NOT NULL,
      state INTEGER NOT NULL DEFAULT 0,
      attempts INTEGER NOT NULL DEFAULT 0,
      fence INTEGER NOT NULL DEFAULT 0,
      due_at INTEGER NOT NULL,
      last_error TEXT,
      PRIMARY KEY (event_seq, processor)
    ) STRICT, WITHOUT ROWID`,
    "CREATE INDEX deliveries_due ON deliveries (processor, due_at, event_seq) WHERE state < 2",
  ],
  [
    // How the first of a key came. Beside the body it would lie behind it: reading it would read
    // both.
    "ALTER TABLE keys ADD COLUMN origin TEXT NOT NULL DEFAULT 'webhook'",
    `CREATE INDEX keys_duplicates ON keys (duplicates, expires_at)
      WHERE duplicates > 0 AND expires_at IS NULL`,

    // What most events are not costs the others nothing.
    "CREATE INDEX events_state ON events (state) WHERE state <> 'accepted'",
    `CREATE INDEX events_other_job ON events (job_id)
      WHERE state IN ('ignored', 'quarantined') AND job_id IS NOT NULL`,
    "CREATE INDEX events_received ON events (received_at)",

    // From now on due_at also is when a delivery ended (state 2 or 3). In what was written before it
    // is when the last lease would have.
    "DROP INDEX deliveries_due",
    "CREATE INDEX deliveries_due ON deliveries (processor, due_at, event_seq, state) WHERE state < 2",
    "CREATE INDEX deliveries_dead ON deliveries (due_at) WHERE state = 3",
    "CREATE INDEX deliveries_dead_event ON deliveries (event_seq) WHERE state = 3",

    // Which jobs' ends are awaited. ask_at is when ImgGo is to be asked; NULL: never.
    `CREATE TABLE expectations (
      seq INTEGER PRIMARY KEY,
      job_id TEXT NOT NULL UNIQUE,
      pattern_id TEXT,
      deadline_at INTEGER NOT NULL,
      asked INTEGER NOT NULL DEFAULT 0,
      ask_at INTEGER,
      last_error TEXT
    ) STRICT`,
    "CREATE INDEX expectations_deadline ON expectations (deadline_at)",
    "CREATE INDEX expectations_ask ON expectations (ask_at) WHERE ask_at IS NOT NULL",

    // What was refused for its signature. Its index is what its limits are reckoned from.
    `CREATE TABLE rejections (
      seq INTEGER PRIMARY KEY,
      id TEXT NOT NULL UNIQUE,
      received_at INTEGER NOT NULL,
      stored_at INTEGER NOT NULL,
      signature TEXT NOT NULL,
      size INTEGER NOT NULL,
      body BLOB NOT NULL
    ) STRICT`,
    "CREATE INDEX rejections_kept ON rejections (seq, size, stored_at)",
  ],
  [
    // The traces of receipts: of most receivers' events there are none, which then costs nothing.
    `CREATE TABLE traces (
      event_seq INTEGER PRIMARY KEY REFERENCES events (seq),
      trace_parent TEXT NOT NULL
    ) STRICT`,

    // When it was last claimed, and the attempts that ended: a JSON array of at most 20
    // [attempt, started_at, ended_at, state, error]. The one that runs and the success at which it
    // stands are told from the other columns. NULL in what was written before.
    "ALTER TABLE deliveries ADD COLUMN started_at INTEGER",
    "ALTER TABLE deliveries ADD COLUMN history TEXT",

    // By what the operator looks for. What most events are named costs them nothing.
    "CREATE INDEX events_pattern ON events (pattern_id) WHERE pattern_id IS NOT NULL",
    "CREATE INDEX events_other_name ON events (event) WHERE event <> 'job.succeeded'",
    "CREATE INDEX deliveries_dead_error ON deliveries (last_error, due_at) WHERE state = 3",

    // What happened lately, by the minute.
    `CREATE TABLE activity (
      starts_at INTEGER PRIMARY KEY,
      accepted INTEGER NOT NULL,
      duplicates INTEGER NOT NULL,
      rejected INTEGER NOT NULL,
      dead INTEGER NOT NULL
    ) STRICT`,
  ],
  [
    // The others are found by their keys, which name the job by default. Jobs come in no order: each
    // index by them is one more page that every event changes.
    "DROP INDEX events_job",
    `CREATE INDEX events_job ON events (job_id) WHERE state IN ('accepted', 'superseded')
      AND (key <> event || ':' || job_id OR event NOT IN ('job.succeeded', 'job.failed'))`,
  ],
];
