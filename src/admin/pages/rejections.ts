import { OperationError } from "../../operations/operations.ts";
import { readRequest } from "../../operations/request-schemas.ts";
import { seeOther } from "./answers.ts";
import { given } from "./field.ts";
import { markup } from "./markup.ts";
import { doneQuery } from "./notice.ts";
import type { Action, View } from "./page.ts";
import { pager } from "./pager.ts";
import { mono, size, time } from "./text.ts";

/** What was refused for its signature. */
export const rejections: View = async ({ query, operations, links }) => {
  const asked = given(query, ["cursor"]);
  const read = readRequest("listRejections", asked);
  if ("issues" in read) throw new OperationError("invalid_request", "The cursor is none.");
  const { data, next_cursor } = await operations.listRejections(read.request);
  const isFirst = read.request.cursor === undefined;
  const list = data.length === 0
    ? markup`<p class="card soft">Nothing that was refused is kept.</p>`
    : markup`<ul class="rows card">${
      data.map(({ id, received_at, size: bytes, signature }) =>
        markup`<li class="pair">
<div>${mono(id)}<p class="soft">${size(bytes)}, signed ${
          mono(
            `${signature.slice(0, 12)}…`,
          )
        }</p></div>
<p class="when">${time(received_at)}</p>
</li>`
      )
    }</ul>`;
  const parts = { first: "First", next: "Next" };
  return {
    title: "Rejections",
    section: "rejections",
    body: markup`<div class="head">
<div>
<h1>Rejections</h1>
<p>Requests whose signature did not fit, kept for a while. If the secret was wrong, set the right one, then check them again: what passes is taken as if it had passed when it came.</p>
</div>
</div>
<div id="rejections" class="stack" ${isFirst && markup`data-live`}> ${
      data.length > 0 &&
      markup`<form method="post" action="${
        links.to("/rejections/reverify")
      }"><button class="main" id="reverify">Check again with the current secrets</button></form>`
    } ${list} ${pager("/rejections", asked, next_cursor, links, parts)}</div>`,
  };
};

/** Checks them again. */
export const reverify: Action = async ({ operations, links }) => {
  const { accepted, duplicates } = await operations.reverify({});
  const { rejections } = await operations.stats();
  return seeOther(
    links.to("/rejections", doneQuery("reverified", accepted + duplicates, rejections)),
  );
};
