import type { PluginHost, Route } from "../plugin.ts";
import type { Access } from "./access.ts";
import { seeOther } from "./pages/answers.ts";
import { assetRoutes } from "./pages/assets.ts";
import { dead, redrive, redriveQuestion } from "./pages/dead.ts";
import { event, eventBody, redeliver } from "./pages/event.ts";
import { events } from "./pages/events.ts";
import { expect, expectations } from "./pages/expectations.ts";
import { answerPage, doFor, readForm, refuseForeign, showTo } from "./pages/guard.ts";
import { createLinks, safeNext } from "./pages/links.ts";
import { overview } from "./pages/overview.ts";
import type { Action, View } from "./pages/page.ts";
import { rejections, reverify } from "./pages/rejections.ts";
import { signInPage } from "./pages/sign-in.ts";

/** What is at a path below `/admin`: something to see, something to do, or both. */
interface Place {
  readonly path: string;
  readonly view?: View;
  readonly action?: Action;
}

const places: readonly Place[] = [
  { path: "", view: overview },
  { path: "/events", view: events },
  { path: "/events/:id", view: event },
  { path: "/events/:id/body", view: eventBody },
  { path: "/events/:id/redeliver", action: redeliver },
  { path: "/dead", view: dead },
  { path: "/dead/redrive", view: redriveQuestion, action: redrive },
  { path: "/rejections", view: rejections },
  { path: "/rejections/reverify", action: reverify },
  { path: "/expectations", view: expectations, action: expect },
];

/** The pages by which people see and steer a receiver, under `/admin`. */
export function pageRoutes(host: PluginHost, access: Access): readonly Route[] {
  const root = `${host.basePath}/admin`;
  const links = createLinks(root);
  const parts = { host, access, links };

  const signIn: Action = async ({ request }, form) => {
    const next = safeNext(form.get("next"), request.url, root);
    const cookie = await access.signIn(form.get("token") ?? "", request);
    if (cookie === undefined) return signInPage(links, next, true);
    return seeOther(next, { "Set-Cookie": cookie });
  };
  const signOut: Action = async ({ request }) =>
    seeOther(root, { "Set-Cookie": await access.signOut(request) });
  // Whoever does these need not be signed in.
  const open = (path: string, action: Action): Route => ({
    path: `/admin${path}`,
    methods: ["POST"],
    handle: (request, exchange) =>
      answerPage(
        request,
        exchange,
        parts,
        async (visit) => refuseForeign(visit) ?? await action(visit, await readForm(request)),
      ),
  });

  return [
    ...assetRoutes,
    ...places.map(({ path, view, action }): Route => ({
      path: `/admin${path}`,
      methods: [...(view ? ["GET", "HEAD"] : []), ...(action ? ["POST"] : [])],
      handle: (request, exchange) =>
        answerPage(request, exchange, parts, async (visit) => {
          if (action !== undefined && request.method === "POST") {
            const { pathname, search } = new URL(request.url);
            const back = pathname.replace(/\/(?:redeliver|reverify)$/, "") + search;
            return await doFor(access, visit, action, back);
          }
          return view === undefined ? seeOther(root) : await showTo(access, visit, view);
        }),
    })),
    open("/login", signIn),
    open("/logout", signOut),
  ];
}
