/** Marks a file as ours: "ImgW", so that a file of something else is never taken for one. */
export const applicationId = 0x496d_6757;

/**
 * Each is run once, in order; `user_version` counts those that were. Never change one that was
 * released: add the next.
 */
export const migrations: readonly string[] = [
  `
  -- What was received; after the insert only its state may change. The body comes last, so that
  -- reading the other columns does not touch its pages.
  CREATE TABLE events (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    key TEXT NOT NULL,
    state TEXT NOT NULL,
    event TEXT,
    job_id TEXT,
    pattern_id TEXT,
    received_at INTEGER NOT NULL,
    body BLOB NOT NULL
  ) STRICT;
  CREATE INDEX events_job ON events (job_id, event) WHERE state IN ('accepted', 'superseded');

  -- What was seen; outlives the event by expires_at.
  CREATE TABLE keys (
    key TEXT PRIMARY KEY,
    event_id TEXT NOT NULL,
    duplicates INTEGER NOT NULL DEFAULT 0,
    expires_at INTEGER
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX keys_expiry ON keys (expires_at) WHERE expires_at IS NOT NULL;

  -- What is to be done: small rows that change often. state: 0 pending, 1 running, 2 succeeded,
  -- 3 dead. due_at is when a pending one may run and when a running one's lease ends.
  CREATE TABLE deliveries (
    event_seq INTEGER NOT NULL REFERENCES events (seq),
    processor TEXT NOT NULL,
    state INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    fence INTEGER NOT NULL DEFAULT 0,
    due_at INTEGER NOT NULL,
    last_error TEXT,
    PRIMARY KEY (event_seq, processor)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX deliveries_due ON deliveries (processor, due_at, event_seq) WHERE state < 2;
  `,
];
