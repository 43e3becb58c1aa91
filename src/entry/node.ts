// The server on Node.js: settings from the environment and `imggo.config.ts`.
import { listen } from "./listen/node.ts";
import { serve } from "./serve.ts";

await serve(listen);
