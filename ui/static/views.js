// The views of the one page, by the address's hash: `#/gallery`, `#/run/01J…`, `#/compare/01J…,01K…`.
// Nothing is loaded or thrown away when the view changes: the draft in work and the one event stream stay.

import { h } from "./dom.js";

// `word` is what the hash begins with; what follows it is the view's argument. Views without a link are
// reached from others, and light the link that `under` names.
const VIEWS = {
  notebook: { word: "n", link: "Notebook", title: "Wanderbook", place: "wb-book" },
  gallery: { word: "gallery", link: "Gallery", title: "Gallery · Wanderbook", place: "wb-gallery" },
  compare: { word: "compare", link: "Compare", title: "Compare · Wanderbook", place: "wb-compare" },
  queue: { word: "queue", link: "Queue", title: "Queue · Wanderbook", place: "wb-queue-page" },
  settings: { word: "settings", link: "Settings", title: "Settings · Wanderbook", place: "wb-settings" },
  run: { word: "run", under: "notebook", title: "Run · Wanderbook", place: "wb-run" },
  family: { word: "family", under: "notebook", title: "Family · Wanderbook", place: "wb-family" },
};
const scrolls = {}; // view -> how far down it was left, in pixels
let shown = "";
let argument = "";

/** The view an address names and its argument; one that names a run's cell, or nothing, is the notebook. */
function named(hash) {
  const [, word, rest] = /^#\/([a-z]*)[/?]?(.*)$/.exec(hash) ?? [];
  const name = Object.keys(VIEWS).find((view) => VIEWS[view].word === word) ?? "notebook";
  return [name, word ? rest : ""];
}

/** The view that is shown. */
export function currentView() {
  return shown;
}

/** Whether the form stands beside the view that is shown. */
export function hasComposer() {
  return shown === "notebook" || shown === "queue";
}

/** What the address says behind the view's word: a notebook, a run, runs to compare, a search. */
export function viewArgument() {
  return argument;
}

/** The address of a view, for links. */
export function addressOf(name, what = "") {
  if (name === "notebook" && !what) return "#/";
  return `#/${VIEWS[name].word}${what && (what.startsWith("q=") ? "?" : "/")}${what}`;
}

/** Show a view, as if its link had been followed. */
export function goTo(name, what = "") {
  if (shown !== name || argument !== what) location.hash = addressOf(name, what);
}

/** Let the address say what the view shows now, without a step to go back to. */
export function restate(what) {
  if (named(location.hash)[0] !== shown) return; // another view is about to be shown
  argument = what;
  history.replaceState(history.state, "", addressOf(shown, what));
}

/** What the browser's tab says, where the view has a name of its own to add. */
export function showTitle(words) {
  document.title = words ? `${words} · Wanderbook` : VIEWS[shown].title;
}

/** The links of the bar, and the same as a menu on a phone. */
export function mountLinks(element) {
  for (const place of element.querySelectorAll(".links")) {
    const linked = Object.entries(VIEWS).filter(([, view]) => view.link);
    place.replaceChildren(...linked.map(([name, view]) => linkTo(name, view)));
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
  return h("a", { href: addressOf(name), "data-view": name }, view.link, count);
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
  const [name, what] = named(location.hash);
  if (name === shown && what === argument) return;
  const [first, moved] = [!shown, name !== shown];
  shown = name;
  argument = what;
  if (moved) showView(name);
  if (moved && !first) {
    // A page that has just been opened keeps the focus where the browser put it.
    scrollTo(0, scrolls[name] ?? 0);
    if (!location.hash.startsWith("#run-")) focusHeading();
  }
  dispatchEvent(new CustomEvent("wb:view", { detail: name }));
}

function showView(name) {
  document.body.dataset.wbView = name;
  document.body.classList.remove("wb-composing");
  document.title = VIEWS[name].title;
  for (const link of document.querySelectorAll("#wb-bar [data-view]")) {
    if (link.dataset.view === (VIEWS[name].under ?? name)) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

function focusHeading() {
  const heading = document.querySelector(`#${VIEWS[shown].place} h1`);
  heading?.setAttribute("tabindex", "-1");
  heading?.focus({ preventScroll: true });
}
