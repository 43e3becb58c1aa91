import type { ImgGoClient } from "../imggo.ts";
import type { Tunnel } from "./tunnel.ts";

/** A receiver of this machine that ImgGo sends to. */
export interface Exposure {
  /** Where ImgGo reaches the webhook. */
  readonly url: URL;
  /** The webhook's id at ImgGo; undefined where it is not registered there. */
  readonly webhookId: string | undefined;
  /** Takes the webhook from ImgGo, and closes the tunnel. */
  end(): Promise<void>;
}

/** What {@linkcode expose} works with. */
export interface ExposureParts {
  readonly tunnel: Tunnel;
  /** Where the webhook is behind the tunnel. */
  readonly path: string;
  readonly secret: string;
  /** Undefined: ImgGo is told nothing. */
  readonly imggo: ImgGoClient | undefined;
}

const events = ["job.succeeded", "job.failed"];

/** Makes ImgGo send to a tunnel, for as long as it is not ended. */
export async function expose(
  { tunnel, path, secret, imggo }: ExposureParts,
): Promise<Exposure> {
  const url = new URL(path, tunnel.url);
  try {
    const registered = await imggo?.webhooks.ensure({ url: url.href, events, secret }, {
      replace: true,
    });
    const webhookId = registered?.webhook.id;
    return {
      url,
      webhookId,
      async end() {
        const deleted = webhookId !== undefined && imggo?.webhooks.delete(webhookId);
        // Whether ImgGo answers or not: nothing can be sent through it any more.
        await Promise.allSettled([deleted, tunnel.close()]);
        await deleted;
      },
    };
  } catch (error) {
    await tunnel.close();
    throw error;
  }
}
