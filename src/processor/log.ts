import type { Processor } from "./processor.ts";

/** A processor that logs which job ended and how; of the result, nothing. */
export const log: Processor = (event, context) => {
  const { job_id, pattern_id } = event.data;
  context.log.info(event.event, { job_id, pattern_id });
};
