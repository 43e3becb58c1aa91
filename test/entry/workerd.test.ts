import { bundle, startWorkers } from "../support/workerd.ts";
import { describeEntry, secret } from "./contract.ts";

describeEntry("the handler in workerd", async (forwardUrl) => {
  const { script } = await bundle("test/entry/worker.ts");
  const bindings = { WEBHOOK_SECRET: secret, FORWARD_URL: forwardUrl };
  const workers = await startWorkers({ script, bindings });
  return { ...workers, url: new URL("/webhook", workers.url).href };
});
