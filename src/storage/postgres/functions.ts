import { attemptsKept } from "../storage.ts";
import { cut, milliseconds } from "./values.ts";

// Of one job, its ends, what awaits it and what is redelivered come one after another: stored at the
// same time, none would see the others.
const lockJob = (job: string) => `PERFORM pg_advisory_xact_lock(1231906647, hashtext(${job}))`;

/**
 * The functions in the schema of this name, as they are after the last migration. Functions, so that
 * each is one statement and one round trip, and each step in it sees what others committed before that
 * step. A parameter is added behind the others and with a default, so that a process of the version
 * before goes on while others are replaced.
 */
export const functions = (schema: string): string => `
  CREATE OR REPLACE FUNCTION ${schema}.digest_of(key text) RETURNS bytea
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN sha256(convert_to(key, 'UTF8'));

  -- The attempts that ended, and one more: of one whose beginning is not known nothing is told.
  CREATE OR REPLACE FUNCTION ${schema}.with_attempt(
    history jsonb, attempt integer, state text, started_at timestamptz, ended_at timestamptz,
    error text
  ) RETURNS jsonb
  LANGUAGE plpgsql STABLE AS $$
  BEGIN
    IF started_at IS NULL THEN
      RETURN history;
    END IF;
    RETURN CASE WHEN jsonb_array_length(history) >= ${attemptsKept} THEN history - 0
        ELSE coalesce(history, '[]') END
      || jsonb_build_object('attempt', attempt, 'state', state,
        'startedAt', ${milliseconds("started_at")}, 'endedAt', ${milliseconds("ended_at")},
        'error', error);
  END
  $$;

  -- Stores an event, or counts it as a duplicate. claimed: as JSON, of which processors the deliveries
  -- were claimed at once, with fence 1; not when the call is made again.
  CREATE OR REPLACE FUNCTION ${schema}.accept(
    new_id text, new_key text, new_state text, new_origin text, new_event text, new_job_id text,
    new_pattern_id text, new_received_at timestamptz, new_body bytea, new_processors jsonb,
    new_trace_parent text DEFAULT NULL, lease_processors jsonb DEFAULT NULL,
    lease interval DEFAULT NULL
  ) RETURNS TABLE (id text, state text, identical boolean, claimed text)
  LANGUAGE plpgsql AS $$
  #variable_conflict use_column
  DECLARE
    new_digest bytea := ${schema}.digest_of(new_key);
    first_id text;
    new_seq bigint;
    superseded bigint[];
    claimed jsonb;
  BEGIN
    IF new_state = 'accepted' AND new_job_id IS NOT NULL THEN
      ${lockJob("new_job_id")};
      DELETE FROM ${schema}.expectations WHERE job_id = new_job_id;
    END IF;

    LOOP
      INSERT INTO ${schema}.keys (digest, event_id) VALUES (new_digest, new_id)
        ON CONFLICT (digest) DO NOTHING;
      EXIT WHEN FOUND;
      UPDATE ${schema}.keys SET duplicates = duplicates + (event_id <> new_id)::integer
        WHERE digest = new_digest RETURNING event_id INTO first_id;
      -- Not found: it has expired and was deleted in between.
      CONTINUE WHEN NOT FOUND;
      RETURN QUERY SELECT events.id, events.state, events.body = new_body, NULL
        FROM ${schema}.events WHERE events.id = first_id;
      IF NOT FOUND THEN
        RETURN QUERY SELECT first_id, new_state, true, NULL;
      END IF;
      RETURN;
    END LOOP;

    IF new_state = 'accepted' AND new_event = 'job.failed' AND EXISTS (
      SELECT FROM ${schema}.events WHERE job_id = new_job_id AND event = 'job.succeeded'
        AND state IN ('accepted', 'superseded')
    ) THEN
      new_state := 'superseded';
    END IF;

    INSERT INTO ${schema}.events (id, key, state, origin, event, job_id, pattern_id, received_at,
        body, trace_parent)
      VALUES (new_id, new_key, new_state, new_origin, new_event, new_job_id, new_pattern_id,
        new_received_at, new_body, new_trace_parent)
      RETURNING seq INTO new_seq;
    IF new_state <> 'superseded' THEN
      WITH added AS (
        INSERT INTO ${schema}.deliveries
            (event_seq, processor, state, attempts, fence, due_at, started_at)
          SELECT new_seq, name, first, first, first,
            clock_timestamp() + first * coalesce(lease, '0'),
            CASE first WHEN 1 THEN ${cut("clock_timestamp()")} END
          FROM jsonb_array_elements_text(new_processors) name,
            LATERAL (SELECT coalesce(lease_processors ? name, false)::integer AS first) leased
          RETURNING processor, fence
      )
      SELECT jsonb_agg(processor) INTO claimed FROM added WHERE fence = 1;
    END IF;
    IF new_state = 'accepted' AND new_event = 'job.succeeded' THEN
      WITH failures AS (
        UPDATE ${schema}.events SET state = 'superseded'
          WHERE job_id = new_job_id AND event = 'job.failed' AND state = 'accepted' RETURNING seq
      )
      SELECT array_agg(seq) INTO superseded FROM failures;
      -- A step of its own: attempts that ended until now held the failure, and are seen now.
      IF superseded IS NOT NULL THEN
        DELETE FROM ${schema}.deliveries
          WHERE event_seq = ANY (superseded) AND deliveries.state IN (0, 3);
      END IF;
    END IF;
    RETURN QUERY SELECT new_id, new_state, true, claimed::text;
  END
  $$;

  -- Awaits the end of a job, unless it is stored: whether it is awaited.
  CREATE OR REPLACE FUNCTION ${schema}.await_job(
    new_job_id text, new_pattern_id text, waiting interval
  ) RETURNS boolean
  LANGUAGE plpgsql AS $$
  DECLARE
    new_deadline_at timestamptz;
  BEGIN
    ${lockJob("new_job_id")};
    IF EXISTS (
      SELECT FROM ${schema}.events
      WHERE job_id = new_job_id AND state IN ('accepted', 'superseded')
    ) THEN
      RETURN false;
    END IF;
    new_deadline_at := ${cut("clock_timestamp() + waiting")};
    INSERT INTO ${schema}.expectations AS known (job_id, pattern_id, deadline_at, ask_at)
      VALUES (new_job_id, new_pattern_id, new_deadline_at, new_deadline_at)
      ON CONFLICT (job_id) DO UPDATE SET
        pattern_id = coalesce(known.pattern_id, new_pattern_id),
        deadline_at = least(known.deadline_at, new_deadline_at),
        -- Who is asking now is not disturbed, and who has asked keeps to when to ask again.
        ask_at = CASE WHEN known.asked > 0 AND known.ask_at IS NOT NULL THEN known.ask_at
          ELSE least(known.deadline_at, new_deadline_at) END;
    RETURN true;
  END
  $$;

  -- Ends an attempt: whether its lease was held. What an attempt remembers of its error is less.
  CREATE OR REPLACE FUNCTION ${schema}.settle(
    of_event text, of_processor text, held_fence bigint, outcome text, due_after interval,
    error text, attempt_error text
  ) RETURNS boolean
  LANGUAGE plpgsql AS $$
  DECLARE
    found_seq bigint;
    found_state text;
    ended_at timestamptz;
  BEGIN
    IF outcome = 'succeeded' THEN
      UPDATE ${schema}.deliveries SET state = 2, due_at = ${cut("clock_timestamp()")}
        WHERE event_seq = (SELECT seq FROM ${schema}.events WHERE id = of_event)
          AND processor = of_processor AND fence = held_fence AND state = 1;
      RETURN FOUND;
    END IF;

    -- Of a superseded event only a success is kept. The event is locked, so that it is not superseded
    -- by somebody who does not see yet how the attempt ended.
    SELECT seq, state INTO found_seq, found_state FROM ${schema}.events WHERE id = of_event
      FOR SHARE;
    IF found_state = 'superseded' THEN
      DELETE FROM ${schema}.deliveries WHERE event_seq = found_seq AND processor = of_processor
        AND fence = held_fence AND state = 1;
      RETURN FOUND;
    END IF;
    ended_at := ${cut("clock_timestamp()")};
    UPDATE ${schema}.deliveries SET
        state = CASE outcome WHEN 'dead' THEN 3 ELSE 0 END,
        due_at = CASE outcome WHEN 'dead' THEN ended_at ELSE clock_timestamp() + due_after END,
        attempts = attempts - (outcome = 'released')::integer,
        last_error = coalesce(error, last_error),
        started_at = NULL,
        history = ${schema}.with_attempt(history, attempts, outcome, started_at, ended_at,
          attempt_error)
      WHERE event_seq = found_seq AND processor = of_processor AND fence = held_fence AND state = 1;
    RETURN FOUND;
  END
  $$;

  -- Ends attempts that succeeded: as JSON, the places in the list of those whose lease was held.
  CREATE OR REPLACE FUNCTION ${schema}.succeed(leases jsonb) RETURNS text
  LANGUAGE plpgsql AS $$
  DECLARE
    held text;
  BEGIN
    WITH wanted AS MATERIALIZED (
      -- In one order, so that two callers never wait for each other.
      SELECT seq, lease.processor, fence, place
      FROM ROWS FROM (
        jsonb_to_recordset(leases) AS (id text, processor text, fence bigint)
      ) WITH ORDINALITY AS lease (id, processor, fence, place)
      JOIN ${schema}.events USING (id) ORDER BY seq, lease.processor
    ), ended AS (
      UPDATE ${schema}.deliveries d SET state = 2, due_at = ${cut("clock_timestamp()")}
      FROM wanted
      WHERE d.event_seq = wanted.seq AND d.processor = wanted.processor
        AND d.fence = wanted.fence AND d.state = 1
      RETURNING place
    )
    SELECT coalesce(json_agg(place - 1)::text, '[]') INTO held FROM ended;
    RETURN held;
  END
  $$;

  -- Makes the deliveries of an event to these processors due again, or new ones: how many.
  CREATE OR REPLACE FUNCTION ${schema}.redeliver(event_id text, processors jsonb) RETURNS bigint
  LANGUAGE plpgsql AS $$
  DECLARE
    found_seq bigint;
    count bigint;
  BEGIN
    ${lockJob("job_id")} FROM ${schema}.events WHERE id = event_id;
    -- Until this is committed it is not pruned.
    SELECT seq INTO found_seq FROM ${schema}.events WHERE id = event_id AND state = 'accepted'
      FOR KEY SHARE;
    IF NOT FOUND THEN
      RETURN 0;
    END IF;
    INSERT INTO ${schema}.deliveries AS known (event_seq, processor, due_at)
      SELECT found_seq, name, clock_timestamp()
      FROM (SELECT DISTINCT jsonb_array_elements_text(processors) AS name ORDER BY name) named
      ON CONFLICT (event_seq, processor) DO UPDATE
        SET state = 0, attempts = 0, due_at = clock_timestamp(), started_at = NULL,
          history = ${schema}.with_attempt(known.history, known.attempts, 'succeeded',
            known.started_at, known.due_at, NULL)
        WHERE known.state IN (2, 3);
    GET DIAGNOSTICS count = ROW_COUNT;
    RETURN count;
  END
  $$;

  -- Deletes events for which nothing is left to do, and keys that have expired: how many events.
  CREATE OR REPLACE FUNCTION ${schema}.prune(
    received_before timestamptz, most bigint, key_retention interval
  ) RETURNS bigint
  LANGUAGE plpgsql AS $$
  DECLARE
    locked bigint[];
    count bigint;
  BEGIN
    -- Of the keys, too, only so many, or the call that comes after a long pause takes too long; and
    -- none that another one is at, or two of them could wait for each other.
    WITH expired AS MATERIALIZED (
      SELECT digest FROM ${schema}.keys WHERE expires_at <= statement_timestamp()
      ORDER BY expires_at LIMIT greatest(most, 1000) FOR UPDATE SKIP LOCKED
    )
    DELETE FROM ${schema}.keys USING expired WHERE keys.digest = expired.digest;

    SELECT array_agg(done.seq) INTO locked FROM (
      SELECT seq FROM ${schema}.events e
      WHERE received_at < received_before AND state <> 'quarantined'
        AND NOT EXISTS (SELECT FROM ${schema}.deliveries d WHERE event_seq = seq AND d.state <> 2)
      ORDER BY seq LIMIT most FOR UPDATE SKIP LOCKED
    ) done;

    -- Now that nobody can redeliver them: what was redelivered until then stays.
    WITH done AS MATERIALIZED (
      SELECT seq, key FROM ${schema}.events WHERE seq = ANY (locked)
        AND NOT EXISTS (SELECT FROM ${schema}.deliveries d WHERE event_seq = seq AND d.state <> 2)
    ), expiring AS (
      UPDATE ${schema}.keys SET expires_at = statement_timestamp() + key_retention
      FROM done WHERE digest = ${schema}.digest_of(done.key)
    ), over AS (
      DELETE FROM ${schema}.deliveries USING done WHERE event_seq = done.seq
    )
    DELETE FROM ${schema}.events USING done WHERE events.seq = done.seq;
    GET DIAGNOSTICS count = ROW_COUNT;
    RETURN count;
  END
  $$;

  -- Keeps a rejection, and forgets those stored first until what is left is within the limits.
  CREATE OR REPLACE FUNCTION ${schema}.add_rejection(
    new_id text, new_received_at timestamptz, new_signature text, new_body bytea,
    max_count bigint, max_bytes bigint, max_age interval
  ) RETURNS void
  LANGUAGE plpgsql AS $$
  BEGIN
    -- One after another, or each would count without what the others add.
    PERFORM pg_advisory_xact_lock(1231906648, hashtext('${schema}'));
    IF length(new_body) <= max_bytes THEN
      INSERT INTO ${schema}.rejections (id, received_at, signature, stored_at, body)
        VALUES (new_id, new_received_at, new_signature, clock_timestamp(), new_body)
        ON CONFLICT (id) DO NOTHING;
    END IF;
    DELETE FROM ${schema}.rejections USING (
      SELECT seq, row_number() OVER newest AS place, sum(length(body)) OVER newest AS bytes
      FROM ${schema}.rejections
      WINDOW newest AS (ORDER BY seq DESC)
    ) counted
    WHERE rejections.seq = counted.seq AND (place > max_count OR bytes > max_bytes
      OR clock_timestamp() - stored_at >= max_age);
  END
  $$;
`;
