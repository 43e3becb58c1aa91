import type { WebhookEvent } from "../event.ts";
import type { Processor, ProcessorContext } from "./processor.ts";

/** What a processor is told that runs inside a transaction of the storage. */
export interface TransactionContext<Sql> extends ProcessorContext {
  /**
   * What to write through: the transaction as the storage's own client has it. Of the package
   * `postgres` a `TransactionSql`, of `pg` a `PoolClient`.
   */
  readonly sql: Sql;
}

/**
 * A processor that runs inside the transaction which ends its delivery: what it writes through
 * `context.sql` and the success of its delivery are committed together, or not at all. So its effect
 * happens exactly once, as far as it is in that database. Only for storages that have such
 * transactions: PostgreSQL's.
 *
 * The transaction is open as long as the processor runs: let it only write, and do what takes long in
 * another one. Do not end the transaction yourself.
 *
 * @example
 * ```ts
 * const invoices = transactional<TransactionSql>(async (event, { sql }) => {
 *   if (event.event !== "job.succeeded") return;
 *   const { number, total } = event.data.result as Invoice;
 *   await sql`
 *     INSERT INTO invoices (job_id, number, total)
 *     VALUES (${event.data.job_id}, ${number}, ${total})
 *     ON CONFLICT (job_id) DO UPDATE SET number = excluded.number, total = excluded.total`;
 * });
 * ```
 */
export function transactional<Sql>(
  processor: (event: WebhookEvent, context: TransactionContext<Sql>) => unknown,
): Processor {
  // The worker hands `sql` to those that have this property.
  return Object.assign(
    (event: WebhookEvent, context: ProcessorContext) =>
      processor(event, context as TransactionContext<Sql>),
    { transactional: true as const },
  );
}
