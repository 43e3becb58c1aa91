import type { WebhookErrorCode } from "./errors.ts";
import type { EventOrigin, EventState, Outcome } from "./storage/storage.ts";

/** What a request was told, in a word: what became of the event, or why it was refused. */
export type AnswerCode = "received" | "duplicate" | "ignored" | WebhookErrorCode;

/** A request to the webhook, or to a path at which there is nothing, and what it was told. */
export interface Answered {
  /** The HTTP status. */
  readonly status: number;
  /** What the sender was told, in a word. */
  readonly code: AnswerCode;
  /** How long that took, in milliseconds. */
  readonly durationMs: number;
}

/** A signed request that was stored, or counted as a duplicate. */
export interface Accepted {
  /** The event's name, as it was signed; null where the payload could not be understood. */
  readonly event: string | null;
  /** The state of the stored event. */
  readonly state: EventState;
  /** How it came. */
  readonly origin: EventOrigin;
  /** Whether an event of the same key was stored before. */
  readonly duplicate: boolean;
  /** How long the storage took. */
  readonly durationMs: number;
}

/** An attempt that ended. */
export interface Attempted {
  /** The processor's name. */
  readonly processor: string;
  /** How; `lost`: another one had the delivery by then. */
  readonly result: Outcome["kind"] | "lost";
  /** Undefined of one that took its process with it. */
  readonly durationMs?: number;
}

/**
 * Is told what happened, once it has. It is not waited for, and what it throws is swallowed: no event
 * may be lost to a counter.
 */
export interface Observer {
  /** A request was answered. */
  answered?(answered: Answered): void;
  /** A signed request was stored. */
  accepted?(accepted: Accepted): void;
  /** An attempt ended. */
  attempted?(attempted: Attempted): void;
}

/** What is known of a span. Never a secret, a token, a signature or a payload. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

/** A span that has begun. */
export interface Span {
  /** Its place in the trace, as W3C's `traceparent` names it; null where nothing is traced. */
  readonly traceParent: string | null;
  /** Says more of it. */
  set(attributes: SpanAttributes): void;
  /** Marks it as failed. */
  fail(reason: string): void;
}

/** What a span is begun with. */
export interface SpanOptions {
  /** What is done, the same for all of its kind. */
  readonly name: string;
  /** On which side of a call it is. */
  readonly kind: "server" | "internal" | "consumer";
  /** What is known of it at its begin. */
  readonly attributes: SpanAttributes;
  /** The `traceparent` of what led to it, perhaps long ago and elsewhere: linked, not its parent. */
  readonly link?: string | null;
}

/** Does work within a span, or within none. What the work returns or throws is handed on. */
export interface Tracer {
  /** Does work within a span, which ends with it. */
  trace<T>(options: SpanOptions, work: (span: Span) => Promise<T>): Promise<T>;
  /** Begins what goes on after the span that is active now: it is no part of that. */
  detached<T>(work: () => T): T;
}

/** Traces nothing. */
export const noTracer: Tracer = {
  trace: (_options, work) => work({ traceParent: null, set() {}, fail() {} }),
  detached: (work) => work(),
};

/** One observer that tells all of them, and never throws. */
export function observerOf(observers: readonly Observer[]): Required<Observer> {
  const each = (tell: (observer: Observer) => void) => {
    for (const observer of observers) {
      try {
        tell(observer);
      } catch {
        // There is nowhere to say it.
      }
    }
  };
  return {
    answered: (answered) => each((observer) => observer.answered?.(answered)),
    accepted: (accepted) => each((observer) => observer.accepted?.(accepted)),
    attempted: (attempted) => each((observer) => observer.attempted?.(attempted)),
  };
}
