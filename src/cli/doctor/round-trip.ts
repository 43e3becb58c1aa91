import { pause } from "../../deadline.ts";
import { describeError } from "../../describe-error.ts";
import { sign, signatureHeader } from "../../signature.ts";
import type { Storage } from "../../storage/storage.ts";
import { type Check, type Finding, skipped } from "./check.ts";
import { forgetRejection } from "./forget-rejection.ts";
import { attempt } from "./situation.ts";

// No end of a job: it is stored as ignored, and no processor gets it.
const probeName = "imggo_webhooks.probe";

// ImgGo waits so long for an answer.
const answerWithinMs = 5_000;
const timeoutMs = 10_000;
const storedWithinMs = 2_000;

/** What an answer other than 200 means: by its code, or else by its status. */
const refusals: Readonly<Record<string, readonly [message: string, advice: string]>> = {
  invalid_signature: [
    "The receiver expects another secret, or the body is changed on its way.",
    "Start it with the WEBHOOK_SECRET that is set here, and let proxies pass bodies on as they are.",
  ],
  missing_signature: [
    "The signature does not reach the receiver.",
    `Let what is in front of it pass on ${signatureHeader}.`,
  ],
  not_found: [
    "The receiver takes no webhooks at this path.",
    "Make the path of --url, WEBHOOK_PATH and the one that is registered the same.",
  ],
  method_not_allowed: [
    "The receiver takes no webhooks at this path.",
    "Make the path of --url, WEBHOOK_PATH and the one that is registered the same.",
  ],
  unsupported_encoding: [
    "The body is compressed on its way.",
    "Let what is in front of the receiver pass bodies on as they are.",
  ],
  storage_unavailable: [
    "The receiver cannot store events now.",
    "See its log, and the check of the storage above.",
  ],
};

/** Whether a signed event gets through the public URL into the storage. */
export const roundTripCheck: Check = {
  name: "round_trip",
  async run({ url, settings, storage }) {
    if (url === undefined) return skipped("Add --url https://…/webhook to try it.");
    const [secret] = settings?.secrets ?? [];
    if (secret === undefined) return skipped("The settings are wrong.");
    const startedAt = performance.now();
    const [answer, error] = await attempt(() => send(url, secret));
    const tookMs = Math.round(performance.now() - startedAt);
    if (answer === undefined) {
      return {
        status: "failed",
        message: `No answer from ${url.href}: ${describeError(error)}.`,
        advice: "See the check of the URL above.",
      };
    }
    const { id, status } = answer;
    if (answer.code === "invalid_signature" && storage !== undefined) {
      // Where it cannot be taken away, it goes by itself within a day.
      await attempt(() => forgetRejection(storage, answer.signature));
    }
    if (answer.http !== 200 || status !== "ignored" || id === undefined) return refused(answer);
    if (tookMs > answerWithinMs) {
      return {
        status: "failed",
        message: `The answer took ${tookMs} ms; ImgGo waits ${answerWithinMs}.`,
        advice: "See the server's log, and what is in front of it.",
        fields: { id },
      };
    }
    if (storage === undefined) {
      return {
        status: "failed",
        message:
          `A signed event was taken as ${id}, but the storage of these settings is not there.`,
        advice: notHere,
        fields: { id },
      };
    }
    return await found(storage, id, tookMs);
  },
};

const notHere =
  "Give the server and this command the same STORAGE_URL and working folder. While its " +
  "storage fails, a server may have put it in its spool.";

interface Answer {
  /** In hexadecimal, of what was sent. */
  readonly signature: string;
  readonly http: number;
  readonly status?: unknown;
  readonly code?: unknown;
  readonly id?: string | undefined;
}

async function send(url: URL, secret: string): Promise<Answer> {
  const body = JSON.stringify({
    event: probeName,
    probe_id: crypto.randomUUID(),
    timestamp: new Date().toISOString(),
  });
  const signature = await sign(body, secret);
  const response = await fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/json", [signatureHeader]: signature },
    body,
    redirect: "manual",
    signal: AbortSignal.timeout(timeoutMs),
  });
  const [json] = await attempt(async () => Object(await response.json()));
  const id = typeof json?.id === "string" ? json.id : undefined;
  return {
    signature: signature.replace("sha256=", ""),
    http: response.status,
    status: json?.status,
    code: json?.code,
    id,
  };
}

function refused({ http, code }: Answer): Finding {
  const [message, advice] = refusals[String(code)] ?? [
    http >= 300 && http < 400
      ? "The URL leads elsewhere, and a webhook does not follow."
      : "It is answered, but not by a receiver.",
    "Check --url, and what is in front of the server.",
  ];
  return {
    status: "failed",
    message: `${message} (HTTP ${http})`,
    advice,
    fields: { http_status: http },
  };
}

async function found(storage: Storage, id: string, tookMs: number): Promise<Finding> {
  const until = performance.now() + storedWithinMs;
  do {
    const [event, error] = await attempt(() => storage.get(id));
    if (error !== undefined) {
      return { status: "failed", message: describeError(error), advice: "See the storage above." };
    }
    if (event?.state === "ignored") {
      return {
        status: "ok",
        message: `A signed event came through in ${tookMs} ms and is stored as ${id}.`,
        fields: { id },
      };
    }
    await pause(100);
  } while (performance.now() < until);
  return {
    status: "failed",
    message: `A signed event was taken as ${id}, but is not in the storage of these settings.`,
    advice: notHere,
    fields: { id },
  };
}
