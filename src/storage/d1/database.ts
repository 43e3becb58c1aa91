/**
 * What is used of a D1 database: the binding that Cloudflare hands to a Worker is one.
 * https://developers.cloudflare.com/d1/worker-api/
 */
export interface D1Database {
  prepare(sql: string): D1Statement;
  /** Runs statements as one transaction. */
  batch<Row>(statements: D1Statement[]): Promise<{ readonly results: Row[] }[]>;
}

/** A prepared statement. */
export interface D1Statement {
  bind(...values: unknown[]): D1Statement;
}

/** What is bound to a parameter. */
export type D1Value = string | number | null | Uint8Array<ArrayBuffer>;
