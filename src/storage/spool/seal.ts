import type { VerifiedBytes } from "../../signature.ts";
import type { NewEvent, StoredEvent } from "../storage.ts";

/** The one processor of what is in a spool: who moves it to the storage. */
export const moverName = "spool";

/** An event that was taken out of a spool. */
export interface Opened {
  readonly event: NewEvent;
  /** The event of the same key that was in the spool before it, if there was one. */
  readonly repeatOf: string | undefined;
}

// Raised when what is sealed changes its form.
const form = 1;

/**
 * What a spool stores of an event: id, origin, time of receipt, trace and bytes as they are, the rest in one text.
 * It has no job, so that the spool itself supersedes nothing.
 *
 * @param repeatOf The event in the spool that has the key already. A repeat is kept beside it: only
 * the storage can tell whether it still knows the first one, and counts it.
 */
export function seal(event: NewEvent, repeatOf?: string): NewEvent {
  const { id, key, state, origin, receivedAt, body, traceParent } = event;
  const { event: name, jobId, patternId, processors } = event;
  const sealed = { form, key, state, event: name, jobId, patternId, processors, repeatOf };
  return {
    id,
    key: repeatOf === undefined ? key : `repeat:${id}`,
    state: "accepted",
    origin,
    event: null,
    jobId: null,
    patternId: JSON.stringify(sealed),
    receivedAt,
    body,
    processors: [moverName],
    traceParent,
  };
}

/** Whether something that is stored was sealed, by this version or another. */
export function isSealed({ patternId, deliveries }: StoredEvent): boolean {
  return deliveries.every(({ processor }) => processor === moverName) &&
    typeof unpack(patternId)["form"] === "number";
}

/** The event that was sealed; undefined where a version did it that this one does not know. */
export function open(
  { id, origin, receivedAt, patternId: text, traceParent }: StoredEvent,
  bytes: Uint8Array<ArrayBuffer>,
): Opened | undefined {
  const sealed = unpack(text);
  if (sealed["form"] !== form) return undefined;
  const { key, state, event, jobId, patternId, processors, repeatOf } = sealed as unknown as
    & Omit<NewEvent, "body" | "origin" | "traceParent">
    & { readonly repeatOf?: string };
  // They were verified before they were sealed.
  const body = bytes as VerifiedBytes;
  return {
    event: {
      id,
      key,
      state,
      origin,
      event,
      jobId,
      patternId,
      receivedAt,
      body,
      processors,
      traceParent,
    },
    repeatOf,
  };
}

function unpack(text: string | null): Readonly<Record<string, unknown>> {
  try {
    return Object(JSON.parse(text ?? ""));
  } catch {
    return {};
  }
}
