/**
 * What pages do better with a script: they stay up to date, tell local times too, copy, and ask
 * before what cannot be undone. A part that is being used is left alone until it no longer is.
 */
export const script: string = `
(() => {
const all = (selector, from = document) => [...from.querySelectorAll(selector)];
const live = document.getElementById("live");
const improve = () => {
  for (const time of all("time:not([data-local])")) {
    time.dataset.local = "";
    time.title += "\\n" + new Date(time.dateTime).toLocaleString([], { dateStyle: "medium", timeStyle: "long" });
  }
  if (navigator.clipboard) for (const button of all("[data-copy]")) button.hidden = false;
};
const keyOf = (element) => element.id || element.getAttribute("href");
const seen = new Map();
const swap = (part, next) => {
  const text = next.innerHTML;
  const focused = part.contains(document.activeElement) && document.activeElement;
  const key = focused && keyOf(focused);
  const again = key && all("a,button,summary", next).find((element) => keyOf(element) === key);
  const selection = getSelection();
  const isSelected = !selection.isCollapsed && selection.containsNode(part, true);
  if (seen.get(part.id) === text || isSelected || (focused && !again)) return;
  seen.set(part.id, text);
  part.replaceChildren(...next.childNodes);
  if (again) again.focus({ preventScroll: true });
  part.toggleAttribute("data-live", next.hasAttribute("data-live"));
};
const refresh = async () => {
  let said = "Live";
  if (!document.hidden) {
    try {
      const answer = await fetch(location.href, { signal: AbortSignal.timeout(10000) });
      if (answer.ok) {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        for (const part of all("[data-live]")) {
          const next = page.getElementById(part.id);
          if (next) swap(part, next);
        }
        improve();
      } else said = answer.status === 401 ? "Signed out: reload the page" : "Not live: the receiver answers " + answer.status;
    } catch {
      said = "Not live: the receiver does not answer";
    }
    if (live.textContent !== said) live.textContent = said;
  }
  if (all("[data-live]").length > 0) setTimeout(refresh, 4000);
  else live.textContent = "";
};
document.addEventListener("click", async ({ target }) => {
  const button = target.closest("[data-copy]");
  if (!button) return;
  const said = await navigator.clipboard.writeText(button.dataset.copy)
    .then(() => "Copied", () => "Not copied");
  const before = [...button.childNodes];
  button.replaceChildren(said);
  setTimeout(() => button.replaceChildren(...before), 1500);
});
document.addEventListener("submit", (event) => {
  const { confirm: question } = event.target.dataset;
  if (question && !confirm(question)) event.preventDefault();
});
const url = new URL(location);
if (url.searchParams.has("done")) {
  for (const name of ["done", "count", "left"]) url.searchParams.delete(name);
  history.replaceState(null, "", url);
}
improve();
if (all("[data-live]").length > 0) setTimeout(refresh, 4000);
})();
`.trim();
