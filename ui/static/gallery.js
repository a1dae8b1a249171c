// The gallery: every run of all notebooks by day, searched, narrowed and chosen. The text of the search is the one
// truth of what is shown; it stands in the address, so that a reload, the back button and a copied address show it.

import { acts } from "./acts.js";
import { announce, button, debounce, h, icon, problem } from "./dom.js";
import { drawFacets, facetPanel, showText } from "./facets.js";
import { selectionBar, setTrash, throwChosen } from "./gallerybar.js";
import { drawCard } from "./gallerycard.js";
import * as grid from "./gallerygrid.js";
import { askedFor, connectSearch, more, refresh, search, showWaiting, takeOut, totalFound } from "./gallerysearch.js";
import { end, watchHover } from "./hovervideo.js";
import { inTrash, toggled } from "./querytext.js";
import { searchHelp } from "./searchhelp.js";
import * as selection from "./selection.js";
import { Refusal } from "./server.js";
import { currentView, goTo, restate, viewArgument } from "./views.js";

const TYPED_MS = 40; // what follows so soon is one word; older answers are dropped anyway
const WORDS_MS = 400; // a search that takes longer says so
const HINT = "Search prompts, notes and tags, or try path:orbit rating:>=4";

let parts = {};
let slow = 0;

export function mountGallery({ element }) {
  parts = {
    box: h("input", {
      type: "search",
      class: "inp",
      "aria-label": "Search runs",
      placeholder: HINT,
      autocomplete: "off",
      spellcheck: "false",
      enterkeyhint: "search",
    }),
    found: h("span", { class: "found" }),
    stack: h("input", { type: "checkbox" }),
    wrong: h("div", { class: "wrong" }),
    fresh: h("button", { type: "button", class: "btn fresh", hidden: true, onclick: showWaiting }),
    trash: trashLine(),
    empty: h("div", { class: "empty" }),
    list: h("div", { class: "days" }),
  };
  element.replaceChildren(
    h(
      "section",
      { class: "gal", "aria-labelledby": "wb-gallery-h" },
      ...[head(), facetPanel(narrow), results(), selectionBar(leave)],
    ),
  );
  grid.mountGrid(parts.list, {
    draw: (card) => drawCard(card, () => acts.lost(card)),
    drawn: selection.mark,
    near: more,
    extended: selection.extend,
  });
  selection.mountSelection(parts.list, grid);
  watchHover(parts.list, (card) => grid.cardOf(card.dataset.id)?.media.hover);
  connectSearch({ shown, facets: drawFacets, trouble, fresh });
  parts.box.addEventListener("input", debounce(typed, TYPED_MS));
  parts.box.addEventListener("keydown", intoCards);
  parts.stack.addEventListener("change", () => narrow(parts.box.value.trim()));
  element.addEventListener("keydown", onKey);
  addEventListener("wb:view", follow);
  follow();
}

function head() {
  const look = h("div", { class: "search", role: "search" }, icon("search"), parts.box, parts.found, ...searchHelp(add));
  return h(
    "div",
    { class: "gal-h" },
    h("h1", { class: "page-h", id: "wb-gallery-h" }, "Gallery"),
    look,
    h("label", { class: "chk stack" }, parts.stack, "Stack families"),
    parts.wrong,
  );
}

function results() {
  return h("div", { class: "results" }, parts.fresh, parts.trash, parts.empty, parts.list);
}

function trashLine() {
  const back = button("Leave the trash", () => narrow(toggled(parts.box.value, "is:trash", false)));
  const words = "In the trash. Runs stay here for 30 days, then they go for good.";
  return h("p", { class: "trash-line", hidden: true }, h("span", null, words), back);
}

/** Go to the gallery and into its search box. */
export function findRuns() {
  if (currentView() === "gallery") return parts.box.focus();
  addEventListener("wb:view", () => parts.box.focus(), { once: true }); // the view puts the focus on its heading first
  goTo("gallery");
}

// ---- the question

function parsed(argument) {
  const told = new URLSearchParams(argument.startsWith("q=") ? argument : "");
  return { text: told.get("q") ?? "", stacked: told.get("stacked") === "1" };
}

function argumentOf({ text, stacked }) {
  if (!text && !stacked) return "";
  return new URLSearchParams(stacked ? { q: text, stacked: 1 } : { q: text }).toString();
}

const same = (one, other) => one && one.text === other.text && one.stacked === other.stacked;

// The address has changed, by a link, the back button or a box that was ticked.
function follow() {
  if (currentView() !== "gallery") return end();
  const told = parsed(viewArgument());
  parts.stack.checked = told.stacked;
  if (same(askedFor(), told)) return refresh();
  if (parts.box.value.trim() !== told.text) parts.box.value = told.text;
  ask(told);
}

function typed() {
  if (currentView() !== "gallery") return;
  const now = { text: parts.box.value.trim(), stacked: parts.stack.checked };
  if (same(askedFor(), now)) return;
  restate(argumentOf(now));
  ask(now);
}

/** Search for another text; the one before is a step back. */
function narrow(text) {
  parts.box.value = text;
  goTo("gallery", argumentOf({ text, stacked: parts.stack.checked }));
}

function add(example) {
  narrow(toggled(parts.box.value, example, true));
  parts.box.focus();
}

function ask(query) {
  showText(query.text);
  clearTimeout(slow);
  parts.list.classList.add("old");
  slow = setTimeout(() => (parts.found.textContent = "Searching…"), WORDS_MS);
  search(query);
}

// ---- the answer

let shownText = null;

function settled() {
  clearTimeout(slow);
  parts.list.classList.remove("old");
}

function shown() {
  settled();
  const query = askedFor();
  const total = totalFound();
  const words = query.stacked ? plural(total, "family", "families") : plural(total, "run", "runs");
  parts.found.textContent = words;
  parts.wrong.replaceChildren();
  for (const name of ["aria-invalid", "aria-describedby"]) parts.box.removeAttribute(name);
  parts.trash.hidden = !inTrash(query.text);
  setTrash(inTrash(query.text));
  drawEmptiness(query, total);
  const key = JSON.stringify(query);
  if (shownText === key) return;
  if (shownText !== null) {
    announce(`${words}.`);
    selection.clear();
    end();
    if (scrollY) scrollTo({ top: 0, behavior: "instant" });
  }
  shownText = key;
}

const plural = (count, one, many) => `${count.toLocaleString("en")} ${count === 1 ? one : many}`;

function trouble(refusal) {
  settled();
  parts.found.textContent = "";
  const sentence = refusal instanceof Refusal ? refusal.message : "This did not work.";
  parts.wrong.replaceChildren(problem("wb-search-problem", sentence));
  parts.box.setAttribute("aria-describedby", "wb-search-problem");
  if (refusal.field === "search") parts.box.setAttribute("aria-invalid", "true");
}

function fresh(count) {
  parts.fresh.hidden = !count;
  parts.fresh.textContent = count === 1 ? "1 new run. Show" : `${count} new runs. Show`;
}

function drawEmptiness({ text }, total) {
  parts.empty.closest(".gal").classList.toggle("bare", !total && !text);
  if (total) return parts.empty.replaceChildren();
  if (text === "is:trash") return say("The trash is empty.", "What you move here stays for 30 days.");
  if (!text)
    return say(
      "Every run you make is kept here.",
      "By day, from all notebooks, with its picture, its prompt and its stars. What you write is found again, " +
        "and what you do not want any more goes to the trash first.",
      h("button", { type: "button", class: "btn", onclick: () => goTo("notebook") }, "Make the first run"),
    );
  const clear = h("button", { type: "button", class: "btn", onclick: () => narrow("") }, "Clear the search");
  return say(`No run matches ${quoted(text)}.`, "Prompts, notes and tags were searched, in all notebooks.", clear);
}

// Quotation marks of one's own stand for themselves.
const quoted = (text) => (text.includes('"') ? text : `"${text}"`);

function say(title, sentence, ...more) {
  parts.empty.replaceChildren(h("h2", null, title), h("p", null, sentence), ...more);
}

// ---- by keyboard

function intoCards(event) {
  if (event.key !== "ArrowDown" || !grid.gridCards().length) return;
  event.preventDefault();
  grid.focusCard(grid.gridCards()[0].id);
}

function onKey(event) {
  if (document.querySelector("dialog[open], :popover-open")) return;
  const card = grid.cardOf(event.target.closest?.(".card")?.dataset.id);
  if (event.key === "Escape" && !event.target.matches(".inp")) selection.clear();
  else if (event.key === "Delete" && card) throwChosen(card);
}

// What was thrown away or taken back is not shown here any more; the focus goes to what stands in its place.
function leave(cards) {
  const all = grid.gridCards();
  const ids = new Set(cards.map(({ id }) => id));
  const at = all.findIndex(({ id }) => ids.has(id));
  takeOut([...ids]);
  const next = grid.gridCards()[Math.min(at, grid.gridCards().length - 1)];
  if (next && at >= 0) grid.focusCard(next.id);
}
