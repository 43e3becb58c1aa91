import * as v from "valibot";
import { expectedId, jobId } from "../job-fields.ts";

/** What {@linkcode segment} takes. */
export const expectedSegment: string = `${expectedId}, other than \`.\` and \`..\``;

/** Whether this is an id that can stand in a path: `.` and `..` would name another one. */
export function isSegment(id: unknown): id is string {
  return v.is(jobId, id) && id !== "." && id !== "..";
}

/**
 * An id as a segment of a path.
 *
 * @throws {TypeError} for what is none.
 */
export function segment(id: string): string {
  if (!isSegment(id)) throw new TypeError(`The id is unfit: ${expectedSegment}.`);
  return id;
}
