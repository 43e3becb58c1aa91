import { admin } from "imggo-webhooks/admin";
import { cloudflare, type CloudflareWorker } from "imggo-webhooks/cloudflare";

/** The Worker with what operators get. */
const worker: CloudflareWorker = cloudflare({}, { admin });

export default worker;
