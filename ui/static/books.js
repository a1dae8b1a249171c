// The notebooks there are, and which of them is open: the one the address names, else the one opened last.

import { Refusal, get, post } from "./server.js";
import { toast } from "./toasts.js";
import { currentView, goTo, viewArgument } from "./views.js";

const INBOX = "inbox"; // the notebook that is always there
const REMEMBERED = "wanderbook.notebook";

let books = []; // {id, title, description, newest_first, runs, may_change}, in the order of the menu
let open = remembered();
const listeners = new Set();

/** The id of the open notebook: new runs land there. */
export function currentNotebook() {
  return open;
}

/** The open notebook; before the list has come, and where it is gone, one that nobody may change. */
export function openBook() {
  return bookOf(open) ?? { id: open, title: "Notebook", description: "", newest_first: true, runs: 0 };
}

export function bookOf(id) {
  return books.find((book) => book.id === id);
}

export function allBooks() {
  return books;
}

/** Whether a notebook can be deleted: all but the first. */
export function mayDelete(book) {
  return Boolean(book.may_change) && book.id !== INBOX;
}

/** Call `listener(moved)` after the list changed; `moved` where another notebook was opened. */
export function onBooks(listener) {
  listeners.add(listener);
}

/** Show a notebook. */
export function openNotebook(id) {
  goTo("notebook", id);
}

/** The list anew, as the server has it. */
export async function loadBooks() {
  try {
    books = (await get("books")).notebooks;
  } catch {
    return; // the next event brings it
  }
  if (books.length && !bookOf(open)) return leave();
  tell(false);
}

/** Change the title, the description or the order of the open notebook. */
export async function changeBook(id, changes) {
  try {
    takeIn((await post(`books/${id}`, changes)).notebook);
    return true;
  } catch (refusal) {
    toast(refusal instanceof Refusal ? refusal.message : "This did not work.");
    tell(false);
    return false;
  }
}

/** A new notebook, opened. */
export async function makeBook(title) {
  const { notebook } = await post("books", { title });
  takeIn(notebook);
  return notebook;
}

function takeIn(book) {
  const at = books.findIndex((other) => other.id === book.id);
  if (at < 0) books = [...books, book];
  else books = books.with(at, book);
  tell(false);
}

// The open notebook was deleted, here or in another tab, or the address names none.
function leave() {
  if (currentView() !== "notebook" || !viewArgument()) return choose(INBOX);
  toast("That notebook is not there any more");
  openNotebook(INBOX);
}

function choose(id) {
  if (id === open) return;
  open = id;
  try {
    sessionStorage.setItem(REMEMBERED, id);
    localStorage.setItem(REMEMBERED, id);
  } catch {
    // storage is blocked: it is forgotten with the page
  }
  tell(true);
  if (books.length && !bookOf(id)) loadBooks(); // made in another tab, or gone
}

function remembered() {
  try {
    return sessionStorage.getItem(REMEMBERED) || localStorage.getItem(REMEMBERED) || INBOX;
  } catch {
    return INBOX;
  }
}

function tell(moved) {
  for (const listener of listeners) listener(moved);
}

function follow() {
  if (currentView() === "notebook" && viewArgument()) choose(viewArgument());
}

addEventListener("wb:view", follow);
