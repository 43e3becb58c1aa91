import { assets } from "./assets.ts";
import { type Html, markup } from "./markup.ts";
import type { Links } from "./links.ts";
import { notice } from "./notice.ts";
import type { Page, Section } from "./page.ts";

const sections: Readonly<Record<Section, readonly [path: string, name: string]>> = {
  overview: ["", "Overview"],
  events: ["/events", "Events"],
  dead: ["/dead", "Dead"],
  rejections: ["/rejections", "Rejections"],
  expectations: ["/expectations", "Expectations"],
};

const mark =
  markup`<svg viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">
<path d="M2 8.5h3l1.5 4 3-9 1.5 5h3" />
</svg>`;

/**
 * A whole document.
 *
 * @param query Of the request: it names what was done before.
 */
export function documentOf(page: Page, links: Links, query: URLSearchParams): Html {
  const { title, body, section, head, isOutside = false } = page;
  return markup`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${title} · imggo-webhooks</title>
<link rel="icon" type="image/svg+xml" href="${links.to(assets.icon.path)}">
<link rel="stylesheet" href="${links.to(assets.style.path)}">
<script src="${links.to(assets.script.path)}" defer></script> ${head} </head>
<body> ${!isOutside && header(links, section)} <main id="main" class="wide" tabindex="-1"> ${
    !isOutside && notice(query)
  } ${body} </main>
<footer class="wide"><p id="live" role="status"></p></footer>
</body>
</html>`;
}

function header(links: Links, current: Section | undefined): Html {
  return markup`<a class="skip" href="#main">Skip to the content</a>
<header class="bar">
<div class="wide">
<a class="brand" href="${links.to()}">${mark}imggo-webhooks</a>
<nav aria-label="Pages">
<ul>${
    Object.entries(sections).map(([section, [path, name]]) =>
      markup`<li><a href="${links.to(path)}"${
        section === current && markup` aria-current="page"`
      }>${name}</a></li>`
    )
  }</ul>
</nav>
<form method="post" action="${links.to("/logout")}"><button class="plain">Sign out</button></form>
</div>
</header>`;
}
