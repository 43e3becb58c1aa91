import { isDeepStrictEqual } from "node:util";
import type { StoredEvent } from "../../src/storage/storage.ts";
import { flatWithManifest, flatWithResult, type Job, nested, toBytes } from "../support/wire.ts";
import type { Post, SimulatedJob } from "./scenario.ts";

/** What bytes that were sent are to be stored as. */
export interface Meaning {
  readonly state: "accepted" | "ignored" | "quarantined";
  readonly event: string | null;
  readonly jobId: string | null;
}

/** What was sent, by which what is stored is judged: it knows nothing of the product's parser. */
export interface Truth {
  /** The body of a webhook. */
  bodyOf(post: Post): Uint8Array<ArrayBuffer>;
  /** What a stored event is to mean; undefined where nobody ever said that. */
  meaningOf(body: Uint8Array, origin: StoredEvent["origin"]): Meaning | undefined;
}

const variants = [flatWithManifest, nested, flatWithResult];
const decoder = new TextDecoder();

/** What the end of a job says. */
export function endOf(jobId: string): Job {
  return {
    job_id: jobId,
    pattern_id: "pattern",
    timestamp: "2026-01-15T10:30:00Z",
    result: { job: jobId, text: "Käse \u0000" },
    message: `${jobId} failed`,
    code: "invalid_image",
  };
}

export function createTruth(jobs: readonly SimulatedJob[]): Truth {
  const sent = new Map<string, Meaning>();

  const write = ({ kind, jobId, variant }: Post): [unknown, Meaning] => {
    const job = endOf(jobId);
    const dialect = variants[variant] ?? nested;
    const accepted = { state: "accepted", event: kind, jobId } as const;
    if (kind === "job.succeeded") return [dialect.succeeded(job), accepted];
    if (kind === "job.failed") return [dialect.failed(job), accepted];
    const ignored = { state: "ignored", event: "job.started", jobId } as const;
    if (kind === "ignored") return [{ event: "job.started", job_id: jobId }, ignored];
    const quarantined = { state: "quarantined", event: null, jobId: null } as const;
    if (kind === "no event") return [{ job_id: jobId, variant }, quarantined];
    return [`{"forged or broken": "${jobId}"`, quarantined];
  };

  const isAnswerOf = (body: string): Meaning | undefined => {
    const { event, data } = JSON.parse(body);
    const job = jobs.find(({ id }) => id === data.job_id);
    const end = endOf(data.job_id);
    const isTrue = job !== undefined && event === `job.${job.end}` &&
      (job.end === "succeeded"
        ? isDeepStrictEqual(data.result, end.result)
        : data.error.message === end.message);
    return isTrue ? { state: "accepted", event, jobId: data.job_id } : undefined;
  };

  return {
    bodyOf(post) {
      const [payload, meaning] = write(post);
      const body = toBytes(payload);
      if (post.kind !== "forged") sent.set(decoder.decode(body), meaning);
      return body;
    },
    meaningOf(body, origin) {
      const text = decoder.decode(body);
      return origin === "webhook" ? sent.get(text) : isAnswerOf(text);
    },
  };
}
