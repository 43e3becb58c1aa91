import { within } from "./deadline.ts";
import type { Plugged, Plugin, PluginHost, Route } from "./plugin.ts";
import { noTracer, type Observer, observerOf, type Tracer } from "./telemetry.ts";

/** All that plugins add to a receiver, as one. */
export interface Additions {
  readonly routes: readonly Route[];
  readonly observer: Required<Observer>;
  /** That of the first plugin that has one. */
  readonly tracer: Tracer;
  /** Undefined where no plugin gathers anything. It never rejects. */
  readonly flush: (() => Promise<void>) | undefined;
}

// They are written for people who look on: nothing may wait for them longer.
const flushWithinMs = 400;

/**
 * Plugs each into the receiver.
 *
 * @throws {TypeError} where the webhook has a path that a plugin answers.
 */
export function plugIn(plugins: readonly Plugin[], host: PluginHost): Additions {
  const plugged = plugins.map((plugin) => plugin(host));
  const taken = plugged.flatMap(({ routes = [] }) => routes)
    .find(({ path }) => host.basePath + path === host.path);
  if (taken !== undefined) {
    throw new TypeError(`createReceiver(): path: expected another one than ${taken.path}.`);
  }
  const gathering = plugged.filter(({ flush }) => flush !== undefined);
  const flush = async () => {
    await Promise.allSettled(gathering.map(async (each) => {
      await within(each.flush?.() ?? Promise.resolve(), flushWithinMs, () => new Error("late"));
    }));
  };
  return {
    routes: plugged.flatMap(({ routes = [] }) => routes),
    observer: observerOf(plugged.flatMap(({ observer = [] }) => observer)),
    tracer: firstTracer(plugged) ?? noTracer,
    flush: gathering.length > 0 ? flush : undefined,
  };
}

function firstTracer(plugged: readonly Plugged[]): Tracer | undefined {
  return plugged.find(({ tracer }) => tracer !== undefined)?.tracer;
}
