import type { OpenTelemetryApi } from "./api.ts";

/** What a provider of the SDK has, and the API does not know. */
interface Provider {
  getDelegate?(): Provider | undefined;
  forceFlush?(): Promise<void>;
}

/** Has what was traced and measured exported now, where the providers can. */
export async function flush({ trace, metrics }: OpenTelemetryApi): Promise<void> {
  const providers = [() => trace.getTracerProvider(), () => metrics.getMeterProvider()];
  await Promise.allSettled(providers.map(async (provider) => {
    const given = provider() as Provider;
    await (given.getDelegate?.() ?? given).forceFlush?.();
  }));
}
