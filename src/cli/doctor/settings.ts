import type { Check, Situation } from "./check.ts";
import { skipped } from "./check.ts";

// Words that stand in examples, and what people type when they are asked for a secret.
const placeholders = /secret|password|passwort|change.?me|example|placeholder|webhook|imggo|test/i;
const fewestCharacters = 10;

/** Whether a server of these settings would start. */
export const settingsCheck: Check = {
  name: "settings",
  run({ settings, problems }) {
    if (settings !== undefined) return { status: "ok", message: "All settings are well formed." };
    return {
      status: "failed",
      message: problems.join("; "),
      advice: "Set them in the environment or in imggo.config.ts; no server starts before.",
      fields: { problems },
    };
  },
};

/** Whether the secret could be guessed. */
export const secretCheck: Check = {
  name: "secret",
  run({ settings }: Situation) {
    if (settings === undefined) return skipped("The settings are wrong.");
    const weak = settings.secrets.map(weakness).find((reason) => reason !== undefined);
    if (weak !== undefined) {
      return {
        status: "warning",
        message: `A secret could be guessed: ${weak}.`,
        advice:
          "Register the webhook anew with a secret that ImgGo makes, or 32 random characters.",
      };
    }
    return {
      status: "ok",
      message: settings.secrets.length > 1
        ? "The current secret and the previous one are hard to guess."
        : "The secret is hard to guess.",
    };
  },
};

/** Why a secret is easy to guess, in words that hold nothing of it. */
function weakness(secret: string): string | undefined {
  if (new Set(secret).size < fewestCharacters) {
    return `it has fewer than ${fewestCharacters} different characters`;
  }
  return placeholders.test(secret) ? "it has words of an example in it" : undefined;
}
