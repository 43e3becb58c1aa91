/**
 * What is used of a D1 database: the binding that Cloudflare hands to a Worker is one.
 * https://developers.cloudflare.com/d1/worker-api/
 */
export interface D1Database {
  /** Prepares a statement. */
  prepare(sql: string): D1Statement;
  /** Runs statements as one transaction. */
  batch<Row>(statements: D1Statement[]): Promise<{ readonly results: Row[] }[]>;
}

/** A prepared statement. */
export interface D1Statement {
  /** Gives the parameters their values, in order. */
  bind(...values: unknown[]): D1Statement;
}

/** What is bound to a parameter. */
export type D1Value = string | number | null | Uint8Array<ArrayBuffer>;
