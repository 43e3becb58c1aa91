/**
 * What pages do better with a script: they stay up to date, tell local times too, copy, and ask
 * before what cannot be undone. A part that is being used is left alone until it no longer is.
 */
export const script: string = `
{
const all = (selector, from = document) => [...from.querySelectorAll(selector)];
const live = document.getElementById("live");
const seen = {};
const improve = () => {
  for (const time of all("time:not([data-local])")) {
    time.dataset.local = "";
    time.title += "\\n" + new Date(time.dateTime).toLocaleString([], { dateStyle: "medium", timeStyle: "long" });
  }
  for (const button of all("[data-copy]")) button.hidden = !navigator.clipboard;
};
const keyOf = (element) => element.id || element.getAttribute("href");
const swap = (part, next) => {
  const text = next.innerHTML;
  const focused = part.contains(document.activeElement) && document.activeElement;
  const key = focused && keyOf(focused);
  const again = key && all("a,button", next).find((element) => keyOf(element) === key);
  const selection = getSelection();
  const isRead = !selection.isCollapsed && selection.containsNode(part, true);
  if (seen[part.id] === text || isRead || (focused && !again)) return;
  seen[part.id] = text;
  part.replaceChildren(...next.childNodes);
  if (again) again.focus({ preventScroll: true });
  part.toggleAttribute("data-live", next.hasAttribute("data-live"));
};
const refresh = async () => {
  let said = "Live";
  if (!document.hidden) try {
    const answer = await fetch(location.href, { signal: AbortSignal.timeout(9000) });
    if (!answer.ok) throw answer;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of all("[data-live]")) {
      const next = page.getElementById(part.id);
      if (next) swap(part, next);
    }
    improve();
  } catch ({ status }) {
    said = status === 401 ? "Signed out: reload the page." : "Not live: the receiver does not answer.";
  }
  if (live.textContent !== said) live.textContent = said;
  start();
};
const start = () => {
  if (all("[data-live]")[0]) setTimeout(refresh, 4000);
  else live.textContent = "";
};
document.onclick = async ({ target }) => {
  const button = target.closest("[data-copy]");
  if (!button) return;
  const said = await navigator.clipboard.writeText(button.dataset.copy).then(() => "Copied", () => "Not copied");
  button.firstChild.data = said;
  setTimeout(() => button.firstChild.data = "Copy", 1500);
};
document.onsubmit = ({ target }) => !target.dataset.confirm || confirm(target.dataset.confirm);
const url = new URL(location);
for (const name of ["done", "count", "left"]) url.searchParams.delete(name);
history.replaceState(null, "", url);
improve();
start();
}
`.trim();
