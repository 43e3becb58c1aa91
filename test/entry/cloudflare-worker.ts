import { admin } from "imggo-webhooks/admin";
import { cloudflare, type CloudflareWorker } from "imggo-webhooks/cloudflare";
import { d1Storage } from "imggo-webhooks/storage/d1";

/** The Worker with what operators get. */
const worker: CloudflareWorker = cloudflare({}, { admin, d1Storage });

export default worker;
