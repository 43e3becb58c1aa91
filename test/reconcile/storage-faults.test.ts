import { createReceiver } from "imggo-webhooks";
import { createImgGoClient } from "imggo-webhooks/imggo";
import { memoryStorage } from "imggo-webhooks/storage/memory";
import { expect, onTestFinished, test, vi } from "vitest";
import { answering, scriptedFetch } from "../support/scripted-fetch.ts";
import { secret } from "../support/signed-request.ts";

test("asking goes on where the storage never says that the next time is written down", async () => {
  vi.useFakeTimers();
  const storage = memoryStorage();
  const job = { id: "j-1", status: "running" };
  const { fetch, requests } = scriptedFetch(answering(200, { success: true, data: job }));
  const postpone = () => new Promise<never>(() => {});
  const receiver = createReceiver({
    secret,
    storage: { ...storage, expectations: { ...storage.expectations, postpone } },
    imggo: createImgGoClient({ apiKey: "key", fetch }),
  });
  onTestFinished(async () => {
    vi.useRealTimers();
    await receiver.stop();
  });
  await receiver.expect("j-1", { deadlineMs: 0 });
  receiver.start();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(requests).toHaveLength(1);
  // Its lease ends.
  await vi.advanceTimersByTimeAsync(180_000);
  expect(requests).toHaveLength(2);
});
