import { describeError } from "../../describe-error.ts";
import { healthPath } from "../../paths.ts";
import { isPrivateHost } from "../../processor/private-host.ts";
import type { Settings } from "../../settings.ts";
import { type Check, type Finding, skipped } from "./check.ts";
import { attempt } from "./situation.ts";

const timeoutMs = 10_000;

const advices: readonly (readonly [code: RegExp, advice: string])[] = [
  [/ENOTFOUND|EAI_AGAIN/, "Its name is not known: check the URL and the DNS."],
  [/ECONNREFUSED/, "Nothing listens there: start the server, and what is in front of it."],
  [
    /CERT|SELF_SIGNED|SSL|TLS|UNABLE_TO_VERIFY|ALTNAME|EPROTO/,
    "TLS fails: expected a certificate for this name, of an authority that all know, that has not " +
    "expired, with its chain.",
  ],
  [/./, "Check the URL, the firewall, and what is in front of the server."],
];

/** Whether the receiver is reached from outside. */
export const publicUrlCheck: Check = {
  name: "url",
  async run({ url, settings }) {
    if (url === undefined) return skipped("Add --url https://…/webhook to check it.");
    const health = healthUrl(url, settings);
    const [response, error] = await attempt(() =>
      fetch(health, { redirect: "manual", signal: AbortSignal.timeout(timeoutMs) })
    );
    if (response === undefined) {
      const reason = describeError(error);
      const [, advice = ""] = advices.find(([code]) => code.test(reason)) ?? [];
      return { status: "failed", message: `${health.host} is not reached: ${reason}.`, advice };
    }
    const [body] = await attempt(async () => await response.json() as { status?: unknown });
    return findingOf(url, health, response.status === 200 && body?.status === "ok");
  },
};

function findingOf(url: URL, { href }: URL, isAlive: boolean): Finding {
  if (!isAlive) {
    return {
      status: "warning",
      message: `${href} is answered, but not by a receiver.`,
      advice: "That is well where just the webhook's path is let through; otherwise check the URL.",
    };
  }
  if (isPrivateHost(url.hostname)) {
    return {
      status: "warning",
      message: `A receiver answers, but ImgGo cannot reach ${url.hostname}, which is private.`,
      advice: "Register the URL by which others reach it.",
    };
  }
  if (url.protocol === "http:") {
    return {
      status: "warning",
      message: "A receiver answers, but http: sends results for all to read.",
      advice: "Put a proxy with TLS before it.",
    };
  }
  return { status: "ok", message: `A receiver answers at ${url.host}.` };
}

/** Where the receiver says that it lives: beside its webhook, behind the same prefix. */
function healthUrl({ origin, pathname }: URL, settings: Settings | undefined): URL {
  const path = settings?.path ?? "/webhook";
  const prefix = path !== "/" && pathname.endsWith(path) ? pathname.slice(0, -path.length) : "";
  return new URL(`${origin}${prefix}${healthPath}`);
}
