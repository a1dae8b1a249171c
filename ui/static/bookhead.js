// The head of the notebook: its title and description, edited in place, the other notebooks, outline, search.

import { attempt } from "./acts.js";
import { chooseBundle, downloadBundle } from "./bundles.js";
import { changeBook, currentNotebook, allBooks, makeBook, mayDelete, onBooks, openBook, openNotebook } from "./books.js";
import { button, h, icon } from "./dom.js";
import { editInPlace } from "./inplace.js";
import { pickRuns } from "./pickruns.js";
import { writeAbove } from "./insertline.js";
import { allCells } from "./celllist.js";
import { openOutline } from "./outline.js";
import { openList } from "./poplist.js";
import { post, session } from "./server.js";
import { shareBook } from "./share.js";
import { openSweep } from "./sweep.js";
import { done } from "./undo.js";
import { goTo, showTitle, currentView } from "./views.js";

const LONGEST_TITLE = 120;

const parts = {};
let drawn = "";
let fresh = ""; // a notebook that was just made: it opens with its title being written

export function mountBookHead() {
  parts.title = h("h1", { class: "page-h", id: "wb-book-h" });
  parts.words = h("div", { class: "describe" });
  const tool = (name, label, act, title = label) =>
    h(
      "button",
      { type: "button", class: "btn icon", "aria-label": label, title, onclick: (event) => act(event.currentTarget) },
      icon(name),
    );
  parts.switcher = tool("down", "Notebooks", openSwitcher);
  parts.more = tool("more", "More for this notebook", openMore);
  for (const opener of [parts.switcher, parts.more]) opener.setAttribute("aria-haspopup", "menu");
  const outline = tool("list", "Outline", openOutline);
  outline.setAttribute("aria-haspopup", "menu");
  const tools = h(
    "div",
    { class: "tools-row" },
    outline,
    tool("search", "Find in this notebook", find, "Find (/)"),
    parts.more,
  );
  const line = h("div", { class: "title-row" }, parts.title, parts.switcher);
  onBooks(() => {
    draw();
    if (fresh !== currentNotebook()) return;
    fresh = "";
    editTitle();
  });
  addEventListener("wb:view", () => currentView() === "notebook" && nameTab());
  draw();
  return h("div", { class: "book-h" }, h("div", { class: "of-book" }, line, parts.words), tools);
}

function draw() {
  const book = openBook();
  const key = JSON.stringify([book.id, book.title, book.description, book.may_change]);
  if (drawn === key || parts.title.querySelector("textarea") || parts.words.querySelector("textarea")) return;
  drawn = key;
  showWords(parts.title, book.title, "Rename this notebook", editTitle);
  drawDescription(book);
  nameTab();
}

function nameTab() {
  if (currentView() === "notebook") showTitle(currentNotebook() === "inbox" ? "" : openBook().title);
}

function showWords(place, words, label, edit) {
  place.replaceChildren(
    openBook().may_change
      ? h("button", { type: "button", class: "edit-words", title: label, onclick: edit }, words)
      : words,
  );
}

function drawDescription({ description, may_change }) {
  if (description || may_change)
    showWords(parts.words, description || "Describe this notebook", "Edit the description", editDescription);
  else parts.words.replaceChildren();
  parts.words.classList.toggle("is-empty", !description);
}

function redraw(place, byKey) {
  drawn = "";
  place.replaceChildren();
  draw();
  if (byKey) place.querySelector("button")?.focus();
}

/** Write the title; a new notebook begins so. */
function editTitle() {
  const { id, title } = openBook();
  const field = editInPlace(parts.title, {
    text: title,
    label: "Title of the notebook",
    oneLine: true,
    maxlength: LONGEST_TITLE,
    save: (words) => (words ? changeBook(id, { title: words }) : true),
    end: (byKey) => redraw(parts.title, byKey),
  });
  field.select();
}

function editDescription() {
  const { id, description } = openBook();
  editInPlace(parts.words, {
    text: description,
    label: "Description of the notebook",
    hint: "What is this notebook about",
    save: (words) => changeBook(id, { description: words }),
    end: (byKey) => redraw(parts.words, byKey),
  });
}

function find() {
  const { title } = openBook();
  goTo("gallery", `q=${encodeURIComponent(`notebook:"${title.replaceAll('"', "")}" `)}`);
}

// ---- the menus

function openSwitcher(anchor) {
  const rows = allBooks().map(({ id, title, runs }) => ({
    words: title,
    end: runs,
    current: id === currentNotebook(),
    act: () => openNotebook(id),
  }));
  openList(anchor, "Notebooks", [...rows, "-", { words: "New notebook", act: newBook }]);
}

async function newBook() {
  const book = await attempt(() => makeBook("New notebook"));
  if (!book) return;
  fresh = book.id;
  openNotebook(book.id);
}

async function openMore(anchor) {
  const book = openBook();
  const { owner } = await session().catch(() => ({}));
  const order = () => changeBook(book.id, { newest_first: !book.newest_first });
  const top = allCells()[0]?.thin.id ?? null;
  openList(anchor, "More for this notebook", [
    book.may_change && { words: book.newest_first ? "Show newest last" : "Show newest first", act: order },
    book.may_change && { words: "Write a text", act: () => writeAbove(top) },
    book.may_change && { words: "Sweep…", act: () => openSweep(top ?? "") },
    book.may_change && { words: "Compare…", act: () => pickRuns(top ?? "") },
    "-",
    book.may_change && { words: "Share…", act: () => shareBook(book) },
    book.runs > 0 && { words: "Download bundle", act: () => downloadBundle({ notebook: book.id }) },
    owner && { words: "Bring in a bundle…", act: chooseBundle },
    { words: "New notebook", act: newBook },
    mayDelete(book) && { words: "Delete this notebook", act: () => deleteBook(book) },
  ]);
}

async function deleteBook(book) {
  openNotebook("inbox");
  if (!(await attempt(() => post(`books/${book.id}/trash`)))) return;
  done(`${book.title} is deleted, its runs stay in the gallery`, async () => {
    await post(`books/${book.id}/restore`);
    openNotebook(book.id);
  });
}

/** The words of a notebook that is new and empty. */
export function emptyBook() {
  return h(
    "div",
    { class: "empty-book" },
    h("p", { class: "lead" }, "A picture, a few words, a path. Then a video, kept here."),
    h(
      "p",
      null,
      "While this notebook is open, new runs land in it. Runs from elsewhere come in by their menu: Also show in…",
    ),
    h(
      "div",
      { class: "begin" },
      h("button", { type: "button", class: "btn", onclick: () => document.querySelector("#wb-dock .btn").click() }, "New run"),
      openBook().may_change && button("Write a text", () => writeAbove(null)),
    ),
  );
}
