import { bundle, startWorkers } from "../support/workerd.ts";
import { adminToken } from "./admin-contract.ts";
import { describeEntry, secret } from "./contract.ts";

describeEntry("the handler in workerd", async (forwardUrl) => {
  const { script } = await bundle("test/entry/worker.ts");
  const bindings = { WEBHOOK_SECRET: secret, FORWARD_URL: forwardUrl, ADMIN_TOKEN: adminToken };
  const workers = await startWorkers({ script, bindings });
  return { ...workers, hasAdmin: true, url: new URL("/webhook", workers.url).href };
});
