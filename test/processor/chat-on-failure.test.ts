import { chatOnFailure, type WebhookEvent } from "imggo-webhooks";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { canonical, contextOf } from "../support/processor-input.ts";
import { flatWithResult, nested, sampleJob } from "../support/wire.ts";

const context = contextOf();

let chat: Server;
let url: string;
let said: unknown[];
let answer: { status: number; headers?: Record<string, string> };

beforeEach(async () => {
  said = [];
  answer = { status: 200 };
  chat = createServer(async (request, response) => {
    said.push(JSON.parse(await text(request)));
    response.writeHead(answer.status, answer.headers).end("ok");
  });
  await new Promise<void>((resolve) => chat.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(chat.address() as AddressInfo).port}/services/T0/B0/canary`;
});
afterEach(() => {
  chat.closeAllConnections();
  chat.close();
});

const failed = (job: Partial<typeof sampleJob> = {}) =>
  canonical(flatWithResult.failed({ ...sampleJob, ...job }));
const run = async (event: WebhookEvent, options = {}) =>
  await chatOnFailure({ url, allowPrivate: true, ...options })(event, context);

test("chatOnFailure() says which job failed, and why", async () => {
  await run(failed());
  expect(said).toEqual([{
    text: `ImgGo job ${sampleJob.job_id} of pattern pat_invoices failed: ` +
      "Image could not be read (invalid_image)",
  }]);
});

test("chatOnFailure() says nothing of a success", async () => {
  await run(canonical(nested.succeeded(sampleJob)));
  expect(said).toEqual([]);
});

test("chatOnFailure() takes a text of its caller's", async () => {
  await run(failed(), {
    text: ({ data }: { data: { job_id: string } }) => `<!here> ${data.job_id}`,
  });
  expect(said).toEqual([{ text: `<!here> ${sampleJob.job_id}` }]);
});

test("chatOnFailure() lets ImgGo's words call nobody, link nowhere and fill no screen", async () => {
  await run(failed({ message: `<!channel> @everyone & \n<http://x|y>${"x".repeat(1_000)}` }));
  const [{ text }] = said as [{ text: string }];
  expect(text).toContain("&lt;!channel&gt; @\u200beveryone &amp; \ufffd&lt;http://x|y&gt;xxx");
  expect(text.length).toBeLessThan(600);
});

test.each([
  [404, undefined, { name: "PermanentError", message: "The target answered 404." }],
  [410, undefined, { name: "PermanentError" }],
  [429, "30", { name: "RetryLater", afterMs: 30_000 }],
  [500, undefined, { name: "Error", message: "The target answered 500." }],
])("chatOnFailure() fails at a %s, and does not tell the URL", async (status, after, error) => {
  answer = { status, ...(after && { headers: { "Retry-After": after } }) };
  const thrown = await run(failed()).catch((error) => error);
  expect(thrown).toMatchObject(error);
  expect(String(thrown)).not.toContain("canary");
});

test("chatOnFailure() refuses a URL that is unfit, and does not tell it", () => {
  expect(() => chatOnFailure({ url })).toThrow(
    "chatOnFailure() cannot use its settings: expected an https: URL.",
  );
});
