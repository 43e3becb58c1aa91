/** Against what ours is compared, or one of ours. */
export type ServerKind = "floor" | "peer" | "ours";

/** A server that is measured. */
export interface BenchServer {
  /** What its row is called. */
  readonly name: string;
  readonly kind: ServerKind;
  /** What installs it, where it is absent. */
  absent?(): Promise<string | undefined>;
  /** Starts it in an empty folder, with nothing stored. */
  start(folder: string): Promise<StartedServer>;
}

/** One that runs. */
export interface StartedServer {
  /** Where it takes webhooks. */
  readonly url: URL;
  /** Where it is one process: which. */
  readonly pid?: number;
  /** Ends it, at once. */
  stop(): Promise<void>;
  /** How many events it has stored: to be asked when it is ended. A server that stores none has none. */
  stored?(): number | Promise<number>;
}
