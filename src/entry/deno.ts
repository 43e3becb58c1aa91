// The server on Deno, and for Deno Deploy: settings from the environment and `imggo.config.ts`.
import { listen } from "./listen/deno.ts";
import { type Listening, serve } from "./serve.ts";

declare const Deno: {
  /** Undefined where it was not asked for. */
  cron?(name: string, schedule: string, handler: () => Promise<void>): Promise<void>;
};

const listening = Promise.withResolvers<Listening>();

// Deno Deploy stops an instance that nobody asks anything, whatever is due later. It looks for cron
// jobs while the module is loaded, so this comes before anything is awaited.
void Deno.cron?.("imggo-webhooks sweep", "* * * * *", async () => {
  const { settings, drain } = await listening.promise;
  if (settings.role === "receiver") return;
  // Less than until the next one. The server's own worker has logged what fails.
  await drain({ budgetMs: 50_000 }).catch(() => {});
});

await serve(listen, { onListening: listening.resolve });
