import type { Route } from "../../plugin.ts";
import { script } from "./script.ts";
import { style } from "./style.ts";

const icon =
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16" fill="none" stroke="#5b76e8" stroke-width="2" stroke-linecap="round" stroke-linejoin="round"><path d="M2 8.5h3l1.5 4 3-9 1.5 5h3"/></svg>`;

interface Asset {
  /** Below `/admin`. It changes with the content, so that this can be kept for long. */
  readonly path: string;
  readonly text: string;
  readonly type: string;
}

const asset = (name: string, ending: string, type: string, text: string): Asset => ({
  path: `/${name}-${hash(text)}.${ending}`,
  text,
  type,
});

/** What pages need beside their HTML. */
export const assets: Readonly<Record<"style" | "script" | "icon", Asset>> = {
  style: asset("style", "css", "text/css; charset=utf-8", style),
  script: asset("script", "js", "text/javascript; charset=utf-8", script),
  icon: asset("icon", "svg", "image/svg+xml", icon),
};

/** Serves them to everybody: there is nothing of a receiver in them. */
export const assetRoutes: readonly Route[] = Object.values(assets).map(({ path, text, type }) => ({
  path: `/admin${path}`,
  methods: ["GET", "HEAD"],
  handle: () =>
    new Response(text, {
      headers: {
        "Content-Type": type,
        "Cache-Control": "public, max-age=31536000, immutable",
        "Content-Security-Policy": "default-src 'none'",
        "X-Content-Type-Options": "nosniff",
      },
    }),
}));

/** Tells versions apart (FNV-1a, 32 bits), before the first request too, when some runtimes hash nothing. */
function hash(text: string): string {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return (hash >>> 0).toString(16).padStart(8, "0");
}
