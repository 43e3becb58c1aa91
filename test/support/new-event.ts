import { sign, type VerifiedBytes, verifySignature } from "../../src/signature.ts";
import type { NewEvent } from "../../src/storage/storage.ts";

/** When the events of {@linkcode newEvent} were received, unless said otherwise. */
export const receivedAt: number = Date.UTC(2026, 0, 1);

/** What {@linkcode newEvent} takes: what a test is about; the rest is made up. */
export interface NewEventFields extends Partial<Omit<NewEvent, "body">> {
  readonly body?: Uint8Array<ArrayBuffer>;
}

const secret = "known to these tests only";

/** Bytes of the type that a storage accepts, by the way that they take in production. */
export async function verifiedBytes(body: Uint8Array<ArrayBuffer>): Promise<VerifiedBytes> {
  return await verifySignature(body, await sign(body, secret), secret);
}

/** The same event, received once more: ImgGo's bytes and what they mean, under an id of its own. */
export function repeatOf(event: NewEvent): NewEvent {
  return { ...event, id: `evt_${crypto.randomUUID()}` };
}

/** An accepted `job.succeeded` of a job of its own for processor `a`, unless said otherwise. */
export async function newEvent(fields: NewEventFields = {}): Promise<NewEvent> {
  const { state = "accepted", event = "job.succeeded", jobId = `job_${crypto.randomUUID()}` } =
    fields;
  const json = JSON.stringify({ event, data: { job_id: jobId, result: { total: 12.5 } } });
  return {
    id: `evt_${crypto.randomUUID()}`,
    key: `${event}:${jobId}`,
    state,
    origin: "webhook",
    event,
    jobId,
    patternId: null,
    receivedAt,
    processors: state === "accepted" ? ["a"] : [],
    traceParent: null,
    ...fields,
    body: await verifiedBytes(fields.body ?? new TextEncoder().encode(json)),
  };
}
