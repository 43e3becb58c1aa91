import type { HandlerContext } from "./follow-up.ts";
import { type Logger, withFields } from "./logger.ts";
import type { AnswerCode } from "./telemetry.ts";

/** What belongs to one request. */
export interface Exchange {
  readonly requestId: string;
  /** In milliseconds since 1970. */
  readonly receivedAt: number;
  /** The steady clock at `receivedAt`. */
  readonly startedAt: number;
  readonly log: Logger;
  readonly context: HandlerContext | undefined;
  /** What the answer is counted as. */
  code: AnswerCode;
  /** Whether it is: those to probes and operators are not. */
  isCounted: boolean;
}

/** Begins one. `givenId` is the request's own id, if a proxy gave it one. */
export function openExchange(
  givenId: string | null,
  logger: Logger,
  context: HandlerContext | undefined,
): Exchange {
  const requestId = requestIdOf(givenId);
  return {
    requestId,
    receivedAt: Date.now(),
    startedAt: performance.now(),
    log: withFields(logger, { request_id: requestId }),
    context,
    code: "not_found",
    isCounted: true,
  };
}

// An id that a proxy gave is kept, so that both logs can be read side by side.
function requestIdOf(given: string | null): string {
  return given !== null && /^[\w.:-]{1,128}$/.test(given) ? given : crypto.randomUUID();
}
