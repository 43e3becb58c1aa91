import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { listeningUrl, root, runtimes, startProcess } from "../support/process.ts";
import { signedRequest } from "../support/signed-request.ts";
import { startSink } from "../support/sink.ts";
import { success } from "../support/wire.ts";
import { secret } from "./contract.ts";

/** What is read here of a span that was exported. */
interface ExportedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly name: string;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
}

test("the deno entry exports its spans and metrics by Deno where OTEL_DENO is true", async () => {
  const cwd = await mkdtemp(join(tmpdir(), "imggo-webhooks-"));
  onTestFinished(() => rm(cwd, { recursive: true }));
  const sink = await startSink(() => 200);
  onTestFinished(() => sink.close());
  const server = startProcess([...runtimes.deno, `${root}src/entry/deno.ts`], {
    cwd,
    env: {
      WEBHOOK_SECRET: secret,
      HOST: "127.0.0.1",
      PORT: "0",
      STORAGE_URL: "memory:",
      OTEL_DENO: "true",
      OTEL_EXPORTER_OTLP_ENDPOINT: sink.url.replace(/\/$/, ""),
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
    },
  });
  const url = await listeningUrl(server);
  const request = await signedRequest(success, { url, secret });
  expect((await fetch(request)).status).toBe(200);
  await server.prints(/"message":"delivery succeeded"/);
  // What is gathered by then is exported before the process ends.
  expect(await server.end("SIGTERM")).toBe(0);

  const exported = sink.requests.map(({ body }) => body);
  const spans = exported.flatMap((body) => [...spansIn(body)]);
  const named = (name: string) => spans.find((span) => span.name === `imggo_webhooks ${name}`);
  const [received, stored, run] = [named("request"), named("accept"), named("delivery")];
  expect(stored).toMatchObject({ traceId: received?.traceId, parentSpanId: received?.spanId });
  expect(run?.links).toMatchObject([{ traceId: stored?.traceId, spanId: stored?.spanId }]);
  expect(run?.traceId).not.toBe(stored?.traceId);
  // Deno's own span of the request is the one that the server's is a part of.
  expect(spans.map(({ spanId }) => spanId)).toContain(received?.parentSpanId);
  expect(exported.join()).toContain('"imggo_webhooks_deliveries_total"');
});

function* spansIn(body: string): Generator<ExportedSpan> {
  const { resourceSpans = [] } = JSON.parse(body);
  for (const { scopeSpans } of resourceSpans) {
    for (const { spans } of scopeSpans) yield* spans;
  }
}
