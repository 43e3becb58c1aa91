import { secretProblem } from "../signature.ts";
import { readCreated, readWebhooks, type Webhook } from "./answers.ts";
import { type Drift, driftOf, findByUrl } from "./drift.ts";
import { ImgGoError, isOutcomeUnknown, prefixed } from "./errors.ts";
import type { Answer } from "./exchange.ts";
import type { Api, Call, CallOptions } from "./request.ts";
import { segment } from "./segment.ts";

/** A webhook to be. */
export interface WebhookRequest {
  /** Where ImgGo is to send events to: `https:`, and reachable from the internet. */
  readonly url: string;
  /** Such as `job.succeeded` and `job.failed`. */
  readonly events: readonly string[];
  /** At least 16 characters. Default: ImgGo makes one. */
  readonly secret?: string;
}

/** A new webhook. */
export interface CreatedWebhook extends Webhook {
  /**
   * ImgGo shows it this once. Undefined where ImgGo's answer was lost, and the webhook was then
   * found to be there: nobody knows its secret; delete it and create it anew.
   */
  readonly secret: string | undefined;
}

/** What {@linkcode Webhooks.ensure} may do. */
export interface EnsureOptions extends CallOptions {
  /**
   * Deletes a webhook that differs and creates it anew, with a new secret: ImgGo changes none. What
   * ends in between is sent nowhere. Default false.
   */
  readonly replace?: boolean;
}

/** What {@linkcode Webhooks.ensure} found or did. */
export type EnsuredWebhook =
  | { readonly outcome: "created"; readonly webhook: CreatedWebhook }
  | {
    readonly outcome: "replaced";
    readonly webhook: CreatedWebhook;
    readonly drift: readonly Drift[];
  }
  | { readonly outcome: "unchanged"; readonly webhook: Webhook }
  | { readonly outcome: "drifted"; readonly webhook: Webhook; readonly drift: readonly Drift[] };

/** ImgGo's webhooks: one for each URL of an account. */
export interface Webhooks {
  /**
   * Registers a webhook. Where ImgGo's answer is lost it is looked for, not created blindly twice.
   *
   * @throws {ImgGoError} `PLAN_LIMIT_EXCEEDED`, among others.
   */
  create(request: WebhookRequest, options?: CallOptions): Promise<CreatedWebhook>;
  /** All webhooks of the account, without their secrets. */
  list(options?: CallOptions): Promise<Webhook[]>;
  /** Deletes one. */
  delete(id: string, options?: CallOptions): Promise<void>;
  /** Registers a webhook that is not there yet, and tells how one that is there differs. */
  ensure(request: WebhookRequest, options?: EnsureOptions): Promise<EnsuredWebhook>;
}

const path = ["webhooks"];
const maxBytes = 1_048_576;

export function createWebhooks(api: Api): Webhooks {
  const list = async (call: Call) =>
    readWebhooks(await api.send({ method: "GET", path, maxBytes }, call));

  async function create(request: WebhookRequest, call: Call): Promise<CreatedWebhook> {
    const hide = [request.secret ?? []].flat();
    for (let attempts = 1;; attempts++) {
      try {
        const post = { method: "POST", path, body: request, maxBytes, hide } as const;
        const { webhook, secret } = readCreated(await api.send(post, call), request);
        return { ...webhook, secret: secret ?? request.secret };
      } catch (error) {
        if (!isOutcomeUnknown(error)) throw error;
        const found = findByUrl(await lookAgain(error, call), request.url);
        if (found !== undefined) return { ...found, secret: undefined };
        await api.rest(attempts, error, call);
      }
    }
  }

  /** The webhooks after a write of which nobody knows whether it was done. */
  async function lookAgain(error: ImgGoError, call: Call): Promise<Webhook[]> {
    try {
      return await list(call);
    } catch (cause) {
      if (!(cause instanceof ImgGoError)) throw cause;
      throw prefixed("Whether the webhook was registered is not known.", error);
    }
  }

  async function remove(id: string, call: Call): Promise<void> {
    const answer = await api.send(
      { method: "DELETE", path: [...path, segment(id)], maxBytes },
      call,
    );
    checkDeleted(answer);
  }

  async function ensure(
    request: WebhookRequest,
    { replace = false }: EnsureOptions,
    call: Call,
  ): Promise<EnsuredWebhook> {
    const webhook = findByUrl(await list(call), request.url);
    if (webhook === undefined) {
      return { outcome: "created", webhook: await create(request, call) };
    }
    const drift = driftOf(webhook, request);
    if (drift.length === 0) return { outcome: "unchanged", webhook };
    if (!replace) return { outcome: "drifted", webhook, drift };
    await remove(webhook.id, call).catch((error: unknown) => {
      const isGone = error instanceof ImgGoError && error.status === 404;
      if (!isGone) throw error;
    });
    try {
      return { outcome: "replaced", webhook: await create(request, call), drift };
    } catch (error) {
      if (!(error instanceof ImgGoError)) throw error;
      throw prefixed("The webhook was deleted, and could not be registered anew.", error);
    }
  }

  return {
    create: async (request, options) => await create(checked(request), api.begin(options)),
    list: async (options) => await list(api.begin(options)),
    delete: async (id, options) => await remove(id, api.begin(options)),
    async ensure(request, options = {}) {
      const wanted = checked(request);
      const call = api.begin(options);
      try {
        return await ensure(wanted, options, call);
      } catch (error) {
        // Somebody else may have registered it between the look and the write.
        const isTaken = error instanceof ImgGoError && [400, 409, 422].includes(error.status ?? 0);
        if (!isTaken) throw error;
        const webhook = findByUrl(await list(call), wanted.url);
        if (webhook === undefined) throw error;
        const drift = driftOf(webhook, wanted);
        return drift.length === 0
          ? { outcome: "unchanged", webhook }
          : { outcome: "drifted", webhook, drift };
      }
    },
  };
}

function checked({ url, events, secret }: WebhookRequest): WebhookRequest {
  const problem = !URL.canParse(url) || !/^https?:/i.test(url)
    ? "expected url to be a whole https: URL"
    : events.length === 0
    ? "expected at least one event"
    : secret === undefined
    ? undefined
    : secretProblem(secret);
  if (problem !== undefined) throw new TypeError(`The webhook cannot be registered: ${problem}.`);
  return { url, events: [...new Set(events)], ...(secret !== undefined && { secret }) };
}

function checkDeleted({ json, isEmpty, status }: Answer): void {
  const isObject = typeof json === "object" && json !== null;
  if (isEmpty || isObject) return;
  throw new ImgGoError(
    "unreadable_answer",
    "ImgGo's answer does not say whether the webhook was deleted: expected JSON; check " +
      "IMGGO_BASE_URL.",
    { status },
  );
}
