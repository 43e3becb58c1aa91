// The server on Deno, and for Deno Deploy: settings from the environment and `imggo.config.ts`.
import { listen } from "./listen/deno.ts";
import { serve } from "./serve.ts";

await serve(listen);
