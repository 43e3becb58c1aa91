// The server on Bun: settings from the environment and `imggo.config.ts`.
import { listen } from "./listen/bun.ts";
import { serve } from "./serve.ts";

await serve(listen);
