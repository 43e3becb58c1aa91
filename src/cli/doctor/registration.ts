import { createImgGoClient, type Webhook } from "../../imggo.ts";
import { driftOf, findByUrl } from "../../imggo/drift.ts";
import { ImgGoError } from "../../imggo/errors.ts";
import { commandName } from "../command-name.ts";
import { type Check, type Finding, skipped } from "./check.ts";
import { attempt } from "./situation.ts";

const deadlineMs = 20_000;
const neededEvents = ["job.succeeded", "job.failed"];

/** Whether ImgGo sends to the public URL, and what is needed. */
export const registrationCheck: Check = {
  name: "registration",
  async run({ imggo, url }) {
    if (imggo?.apiKey === undefined) return skipped("It takes IMGGO_API_KEY, which is not set.");
    const { apiKey, baseUrl, requestsPerMinute } = imggo;
    const client = createImgGoClient({ apiKey, baseUrl, requestsPerMinute, deadlineMs });
    const [webhooks, error] = await attempt(() => client.webhooks.list());
    if (webhooks === undefined) {
      if (!(error instanceof ImgGoError)) throw error;
      return {
        status: "failed",
        message: error.message,
        advice: "Check IMGGO_API_KEY and IMGGO_BASE_URL.",
      };
    }
    return url === undefined
      ? findingOfAny(webhooks)
      : findingOf(findByUrl(webhooks, url.href), url);
  },
};

function findingOfAny(webhooks: readonly Webhook[]): Finding {
  const active = webhooks.filter((webhook) => webhook.active);
  if (active.length === 0) {
    return {
      status: "failed",
      message: "No active webhook is registered at ImgGo: it sends nothing.",
      advice: `\`${commandName} register --url <url>\` registers one.`,
    };
  }
  if (active.every((webhook) => missingOf(webhook).length > 0)) {
    const missing = [...new Set(active.flatMap(missingOf))];
    return {
      status: "failed",
      message: `No active webhook at ImgGo is sent both ends of a job: ${missing.join(" and ")} ` +
        `${missing.length === 1 ? "is" : "are"} missing.`,
      advice:
        `\`${commandName} register --url <url> --fix\` registers one anew, with a new secret.`,
    };
  }
  return {
    status: "ok",
    message: `ImgGo sends to ${active.map((webhook) => webhook.url).join(" and ")}.`,
    advice: "Add --url <url> to see whether that is right.",
  };
}

/** The ends of a job that are not sent. What is sent beside them is answered and ignored. */
function missingOf(webhook: Webhook): string[] {
  return neededEvents.filter((name) =>
    driftOf(webhook, { events: [...webhook.events, name] }).some(({ field }) => field === "events")
  );
}

function findingOf(webhook: Webhook | undefined, { href }: URL): Finding {
  const again = `\`${commandName} register --url ${href}`;
  if (webhook === undefined) {
    return {
      status: "failed",
      message: `No webhook is registered at ImgGo for ${href}.`,
      advice: `${again}\` registers it.`,
    };
  }
  const { id, active } = webhook;
  const missing = missingOf(webhook);
  const faults = [
    active ? [] : "is inactive",
    missing.length > 0 ? `is not sent ${missing.join(" and ")}` : [],
  ].flat();
  if (faults.length === 0) {
    return { status: "ok", message: `ImgGo sends both ends of a job to ${href}.`, fields: { id } };
  }
  return {
    status: "failed",
    message: `The webhook ${id} ${faults.join(" and ")}.`,
    advice: `${again} --fix\` registers it anew, with a new secret.`,
    fields: { id },
  };
}
