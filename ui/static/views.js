// The views of the one page, by the address's hash: `#/` the notebook, `#/queue`, `#/settings`.
// Nothing is loaded or thrown away when the view changes: the draft in work and the one event stream stay.

import { h } from "./dom.js";

const VIEWS = {
  notebook: { hash: "#/", link: "Notebook", title: "Wanderbook", place: "wb-book" },
  queue: { hash: "#/queue", link: "Queue", title: "Queue · Wanderbook", place: "wb-queue-page" },
  settings: { hash: "#/settings", link: "Settings", title: "Settings · Wanderbook", place: "wb-settings" },
};
const scrolls = {}; // view -> how far down it was left, in pixels
let shown = "";

/** The view an address names; one that names a run, or nothing, is the notebook. */
function named(hash) {
  return Object.keys(VIEWS).find((name) => VIEWS[name].hash === hash) ?? "notebook";
}

/** The view that is shown. */
export function currentView() {
  return shown;
}

/** Show a view, as if its link had been followed. */
export function goTo(name) {
  if (shown !== name) location.hash = VIEWS[name].hash;
}

/** The links of the bar, and the same as a menu on a phone. */
export function mountLinks(element) {
  for (const place of element.querySelectorAll(".links")) {
    place.replaceChildren(...Object.entries(VIEWS).map(([name, view]) => linkTo(name, view)));
    place.addEventListener("click", () => place.matches(":popover-open") && place.hidePopover());
  }
  element.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault();
    focusHeading();
  });
  addEventListener("hashchange", follow);
  addEventListener("scroll", () => (scrolls[shown] = scrollY), { passive: true });
  follow();
}

function linkTo(name, view) {
  const count = name === "queue" && h("span", { class: "count", hidden: true });
  return h("a", { href: view.hash, "data-view": name }, view.link, count);
}

/** How many runs wait or run, beside the queue's link. */
export function showCount(runs) {
  for (const count of document.querySelectorAll("#wb-bar .count")) {
    count.textContent = String(runs);
    count.setAttribute("aria-label", runs === 1 ? "1 run" : `${runs} runs`);
    count.hidden = !runs;
  }
}

function follow() {
  const name = named(location.hash);
  if (name === shown) return;
  const first = !shown;
  shown = name;
  document.body.dataset.wbView = name;
  document.body.classList.remove("wb-composing");
  document.title = VIEWS[name].title;
  for (const link of document.querySelectorAll("#wb-bar [data-view]")) {
    if (link.dataset.view === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (!first) {
    // A page that has just been opened keeps the focus where the browser put it.
    scrollTo(0, scrolls[name] ?? 0);
    if (!location.hash.startsWith("#run-")) focusHeading();
  }
  dispatchEvent(new CustomEvent("wb:view", { detail: name }));
}

function focusHeading() {
  const heading = document.querySelector(`#${VIEWS[shown].place} h1`);
  heading?.setAttribute("tabindex", "-1");
  heading?.focus({ preventScroll: true });
}
