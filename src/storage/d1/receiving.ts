import type { Rejections } from "../rejections.ts";
import { trimValues } from "../sqlite/rejection-rows.ts";
import { keepStatements } from "../sqlite/rejection-statements.ts";
import { settledValues } from "../sqlite/rows.ts";
import type { Storage } from "../storage.ts";
import { accept } from "./accept.ts";
import { toParameter } from "./body.ts";
import { claim } from "./claim.ts";
import { receivingStatements as sql } from "./receiving-statements.ts";
import type { D1Session } from "./session.ts";

/** The part of a storage that receiving, and working through what came, takes. */
export interface Receiving
  extends Pick<Storage, "accept" | "claim" | "renew" | "settle" | "ping" | "close"> {
  readonly rejections: Pick<Rejections, "add">;
}

/** Receives into a D1 database, and works through what came. */
export function createReceiving(session: D1Session, now: () => number): Receiving {
  const { bind, run } = session;
  let turn = 0;

  return {
    accept: async (event, signal) => await accept(session, event, now(), signal),
    claim: (request) => claim(session, request, turn++, now),
    async renew({ eventId, processor, fence }, leaseMs) {
      const heldUntil = Math.ceil(now() + leaseMs);
      const [renewed = []] = await run([bind(sql.renew, heldUntil, eventId, processor, fence)]);
      return renewed.length === 1;
    },
    async settle({ eventId, processor, fence }, outcome) {
      const values = settledValues(outcome, now());
      const [settled = []] = await run([
        bind(sql.settle, ...values, eventId, processor, fence),
        ...(outcome.kind === "succeeded" ? [] : [bind(sql.withdrawSettled, eventId)]),
      ]);
      return settled.length === 1;
    },
    rejections: {
      async add({ id, receivedAt, signature, body }, limits) {
        const time = now();
        const size = body.byteLength;
        const bytes = size <= limits.maxBytes ? [toParameter(body)] : [];
        await run([
          ...bytes.map((each) =>
            bind(keepStatements.addRejection, id, receivedAt, time, signature, size, each)
          ),
          bind(keepStatements.trimRejections, ...trimValues(limits, time)),
        ]);
      },
    },
    async ping() {
      await run([bind(sql.ping)]);
    },
    async close() {},
  };
}
