import * as v from "valibot";
import { expectedId, jobId } from "../job-fields.ts";

/**
 * An id as a segment of a path.
 *
 * @throws {TypeError} for what is no id, and for `.` and `..`, which would name another path.
 */
export function segment(id: string): string {
  if (!v.is(jobId, id) || /^\.{1,2}$/.test(id)) {
    throw new TypeError(`The id is unfit: ${expectedId}.`);
  }
  return id;
}
