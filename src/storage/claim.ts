/** The right to run one delivery, until it ends or is lost. */
export interface Lease {
  /** The event's id. */
  readonly eventId: string;
  /** The processor's name. */
  readonly processor: string;
  /** A number that only grows, raised at every claim of this delivery. */
  readonly fence: number;
}

/** A claimed delivery, with all that its processor needs. */
export interface Claim extends Lease {
  /** Which attempt this is, from 1. It counts from the claim on, whatever becomes of it. */
  readonly attempt: number;
  /** When the event was received, in milliseconds since 1970. */
  readonly receivedAt: number;
  /** The raw bytes as received. */
  readonly body: Uint8Array<ArrayBuffer>;
  /** As `NewEvent` has it. */
  readonly traceParent: string | null;
}

/** What `Storage.accept()` is to claim, where its caller can run it at once. */
export interface LeaseRequest {
  /** The processors that the caller can run; only their deliveries are claimed. */
  readonly processors: readonly string[];
  /** How long the claims hold unless renewed, in milliseconds. */
  readonly leaseMs: number;
}

/** What `Storage.claim()` takes. */
export interface ClaimRequest {
  /** The processors that the caller can run; only their deliveries are claimed. */
  readonly processors: readonly string[];
  /** The most deliveries to claim: at least 1. */
  readonly limit: number;
  /** How long the claims hold unless renewed, in milliseconds. */
  readonly leaseMs: number;
  /** A delivery that was claimed this often is not run again, but dead. */
  readonly maxAttempts: number;
}

/** What `Storage.claim()` gives. */
export interface ClaimResult {
  /** Those that may run now. */
  readonly claims: readonly Claim[];
  /** Deliveries whose last attempt never ended (it took the process with it): dead now. */
  readonly exhausted: readonly Lease[];
}

/** How an attempt ended. */
export type Outcome =
  | { readonly kind: "succeeded" }
  /** Due again after so many milliseconds. */
  | { readonly kind: "retry"; readonly afterMs: number; readonly error: string }
  | { readonly kind: "dead"; readonly error: string }
  /** Due again at once; the attempt does not count. */
  | { readonly kind: "released" };
