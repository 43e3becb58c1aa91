import { createReceiver, forward, type HandlerContext, type Receiver } from "imggo-webhooks";
import { admin } from "imggo-webhooks/admin";
import { memoryStorage } from "imggo-webhooks/storage/memory";

interface Bindings {
  readonly WEBHOOK_SECRET: string;
  readonly FORWARD_URL: string;
  readonly ADMIN_TOKEN: string;
}

let receiver: Receiver | undefined;

/** The handler as it is embedded where there is no process: bindings come with each request. */
const worker: {
  fetch(request: Request, env: Bindings, context: HandlerContext): Promise<Response>;
} = {
  fetch(request, env, context) {
    receiver ??= createReceiver({
      secret: env.WEBHOOK_SECRET,
      storage: memoryStorage(),
      processors: {
        forward: forward({ url: env.FORWARD_URL, secret: env.WEBHOOK_SECRET, allowPrivate: true }),
      },
      plugins: [admin({ token: env.ADMIN_TOKEN })],
      logger: console,
    });
    return receiver.fetch(request, env, context);
  },
};

export default worker;
