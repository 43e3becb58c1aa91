/** How this command line is called here: in a checkout nothing is installed under its name. */
export const commandName: string = import.meta.url.endsWith(".ts")
  ? "npm run cli --"
  : "Bun" in globalThis
  ? "bunx --bun imggo-webhooks"
  : "Deno" in globalThis
  ? "deno run -A npm:imggo-webhooks"
  : "npx imggo-webhooks";
