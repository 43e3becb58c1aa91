import * as v from "valibot";
import { isRecord } from "../job-fields.ts";
import { read, readItems } from "./answers.ts";
import { ImgGoError } from "./errors.ts";
import type { Answer } from "./exchange.ts";
import { type Job, jobSchema, type JobStatus } from "./job.ts";
import type { Api, CallOptions } from "./request.ts";
import { segment } from "./segment.ts";

/** Which jobs are listed. */
export interface JobQuery extends CallOptions {
  /** From 1, the newest jobs. Default 1. */
  readonly page?: number;
  /** How many jobs a page has, 100 at the most. Default 100: a page costs a request. */
  readonly perPage?: number;
  /** ImgGo is asked by this word; one that calls it otherwise lists nothing. */
  readonly status?: JobStatus;
  /** Only those of this pattern. */
  readonly patternId?: string;
}

/** A page of jobs, the newest first. */
export interface JobPage {
  /** Those that could be read. */
  readonly jobs: readonly Job[];
  /** How many more the page had that could not be read, for instance of an unknown status. */
  readonly unreadable: number;
  /** Whether there may be more on the next page. The last page may turn out to be empty. */
  readonly hasMore: boolean;
}

/** ImgGo's jobs. */
export interface Jobs {
  /**
   * A job, ended or not. The key needs the right `jobs:read`.
   *
   * @throws {ImgGoError} `not_found`, among others.
   */
  get(id: string, options?: CallOptions): Promise<Job>;
  /**
   * A page of jobs. ImgGo may refuse this to an API key: do not depend on it.
   *
   * @throws {ImgGoError} `unauthorized` or `forbidden` then, among others.
   */
  list(query?: JobQuery): Promise<JobPage>;
}

const maxJobBytes = 16 * 1_048_576;

export function createJobs(api: Api): Jobs {
  return {
    async get(id, options) {
      const path = ["jobs", segment(id)];
      const isGood = (answer: Answer) => failedJob(answer, id) !== undefined;
      const call = api.begin(options);
      const answer = await api.send({ method: "GET", path, maxBytes: maxJobBytes, isGood }, call);
      const job = failedJob(answer, id) ?? read(whole, answer, "a job").data;
      if (isOf(id, answer)) return job;
      throw new ImgGoError(
        "unreadable_answer",
        "ImgGo answered with another job than the one that was asked for.",
        { status: answer.status },
      );
    },
    async list({ page = 1, perPage = 100, status, patternId, signal } = {}) {
      checkPage(page, perPage);
      const query = {
        page: String(page),
        // ImgGo's documents name it in both ways.
        per_page: String(perPage),
        limit: String(perPage),
        ...(status !== undefined && { status }),
        ...(patternId !== undefined && { pattern_id: patternId }),
      };
      const call = api.begin({ ...(signal && { signal }) });
      const answer = await api.send(
        { method: "GET", path: ["jobs"], query, maxBytes: maxJobBytes },
        call,
      );
      const items = readItems(answer, "jobs");
      const jobs = items.map((item) => v.safeParse(inList, item))
        .flatMap((parsed) => parsed.success ? [parsed.output] : []);
      const hasMore = items.length > 0 && (saysMore(answer.json, page) ?? true);
      return { jobs, unreadable: items.length - jobs.length, hasMore };
    },
  };
}

const whole = v.object({ data: jobSchema(true) }, "expected `data`");
const inList = jobSchema(false);

/** Of a job that failed ImgGo may say so in an answer that looks like a failure itself. */
function failedJob({ json }: Answer, id: string): Job | undefined {
  if (!isRecord(json) || json["success"] !== false || !isRecord(json["data"])) return undefined;
  const { data, error } = json;
  const parsed = v.safeParse(jobSchema(true), { ...data, error: data["error"] ?? error });
  const isAsked = idsOf(data).includes(id.toLowerCase());
  return parsed.success && parsed.output.status === "failed" && isAsked ? parsed.output : undefined;
}

/** Whether an answer tells of the job of this id. Another one's end must not be taken for its. */
function isOf(id: string, { json }: Answer): boolean {
  const data = isRecord(json) ? json["data"] : undefined;
  return isRecord(data) && idsOf(data).includes(id.toLowerCase());
}

function idsOf({ id, job_id }: Readonly<Record<string, unknown>>): string[] {
  return [id, job_id].map((each) => String(each).toLowerCase());
}

function checkPage(page: number, perPage: number): void {
  if (!Number.isSafeInteger(page) || page < 1) {
    throw new TypeError(`Expected page to be a whole number of at least 1, got ${page}.`);
  }
  if (!Number.isSafeInteger(perPage) || perPage < 1 || perPage > 100) {
    throw new TypeError(`Expected perPage to be a whole number from 1 to 100, got ${perPage}.`);
  }
}

/** What an answer's `pagination` says of further pages; undefined where it says nothing. */
function saysMore(json: unknown, page: number): boolean | undefined {
  const outer = isRecord(json) ? json : {};
  const inner = isRecord(outer["data"]) ? outer["data"] : {};
  const pagination = inner["pagination"] ?? outer["pagination"];
  if (!isRecord(pagination)) return undefined;
  const flag = pagination["has_more"] ?? pagination["has_next"];
  if (typeof flag === "boolean") return flag;
  const pages = pagination["total_pages"] ?? pagination["last_page"] ?? pagination["pages"];
  if (typeof pages === "number") return page < pages;
  const { total, per_page, limit } = pagination;
  const size = per_page ?? limit;
  return typeof total === "number" && typeof size === "number" ? page * size < total : undefined;
}
