/** A request that was refused for its signature, on its way into a storage. */
export interface NewRejection {
  /** `rej_…` */
  readonly id: string;
  /** The time of receipt, in milliseconds since 1970. */
  readonly receivedAt: number;
  /** Its signature, in hexadecimal. */
  readonly signature: string;
  /** The raw bytes as received. Nothing is known of them. */
  readonly body: Uint8Array<ArrayBuffer>;
}

/** A refused request as it is stored, without its body. */
export interface Rejection {
  /** `rej_…`, made by the receiver. */
  readonly id: string;
  /** The time of receipt, in milliseconds since 1970. */
  readonly receivedAt: number;
  /** The signature that it came with, without its prefix: 64 hexadecimal digits. */
  readonly signature: string;
  /** The body's size in bytes. */
  readonly size: number;
}

/** How much is kept of what was refused. */
export interface RejectionLimits {
  /** How many are kept. */
  readonly maxCount: number;
  /** Of all bodies together. */
  readonly maxBytes: number;
  /** Since it was stored, by the storage's clock. */
  readonly maxAgeMs: number;
}

/** A part of the list of rejections. */
export interface RejectionPage {
  /** Those stored first, first. */
  readonly rejections: readonly Rejection[];
  /** Hand it to {@linkcode Rejections.list} for those behind these; null at the end. */
  readonly nextCursor: string | null;
}

/**
 * Requests that were refused for their signature, kept for a while: a wrong secret must not cost a
 * result. Like the storage's, every method is one transaction.
 */
export interface Rejections {
  /**
   * Keeps one, and forgets those stored first until what is left is within the limits. One whose body
   * alone is larger than `maxBytes` is not kept, and none is forgotten for it. One that is kept
   * already, by its id, stays as it is and where it is. However many are added at once: when all
   * calls are answered, what is left is within the limits.
   */
  add(rejection: NewRejection, limits: RejectionLimits): Promise<void>;

  /**
   * Those stored first, first. Following `nextCursor` shows each that was there at the first call and
   * stays once. Those past `maxAgeMs` are shown until the next is added.
   */
  list(query: { readonly limit: number; readonly cursor?: string }): Promise<RejectionPage>;

  /** The raw bytes of one. */
  body(id: string): Promise<Uint8Array<ArrayBuffer> | undefined>;

  /** Forgets one; of an id that is not known, nothing happens. */
  remove(id: string): Promise<void>;
}
