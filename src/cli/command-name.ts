/** How this command line is called here: in a checkout nothing is installed under its name. */
export const commandName: string = import.meta.url.endsWith(".ts")
  ? "npm run cli --"
  : "npx imggo-webhooks";
