import { markup } from "./markup.ts";
import type { Links } from "./links.ts";
import type { Page } from "./page.ts";

/**
 * Asks for the token, in place of a page.
 *
 * @param next Where to go on afterwards.
 */
export function signInPage(links: Links, next: string, isWrong = false): Page {
  return {
    title: "Sign in",
    status: 401,
    isOutside: true,
    body: markup`<div class="login stack">
<h1>Sign in</h1>
<p class="soft">These pages show what this receiver has stored. They take the value of <code>ADMIN_TOKEN</code>.</p>
<form class="card stack" method="post" action="${links.to("/login")}">
<input type="hidden" name="next" value="${next}">
<div><label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus${
      isWrong &&
      markup` aria-invalid="true" aria-describedby="wrong"`
    }></div> ${
      isWrong &&
      markup`<p id="wrong" class="bad" role="alert">This is not the token. It was set where the receiver was started.</p>`
    } <button class="main">Sign in</button>
</form>
</div>`,
  };
}

/**
 * In place of a page that was asked for by a link on another site. The session's cookie is not sent
 * with that; it is when this page, which is ours, asks for the same again.
 */
export function arrivalPage(here: string): Page {
  return {
    title: "One moment",
    status: 401,
    isOutside: true,
    head: markup`<meta http-equiv="refresh" content="0; url=${here}">`,
    body: markup`<p><a href="${here}">Go on</a></p>`,
  };
}
