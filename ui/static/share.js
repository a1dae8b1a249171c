// Links to one run or one notebook: made and withdrawn in a sheet, listed on the settings page.
// Addresses and every sentence about one come from the server.

import { button, h, icon, problem } from "./dom.js";
import { Refusal, get, post } from "./server.js";

const LASTS = [
  ["", "Until I withdraw it"],
  ["1", "One day"],
  ["7", "One week"],
  ["30", "One month"],
];
const WITH =
  "Settings, first frame and camera path are shown. Others can remix it and download the bundle, which has all of it.";
const WITHOUT = "Only the video and its note are shown. There is no prompt, no path and nothing to remix, in the video's file neither.";

/** Share a run: the sheet with its links. */
export function shareRun(run) {
  open(`Share run ${run.number}`, { run: run.id }, "Whoever has a link sees this run, and nothing else of the notebook.");
}

/** Share a notebook: the sheet with its links. */
export function shareBook(book) {
  const reach = "Whoever has a link sees this notebook as it is at that moment: its texts and its finished runs.";
  open(`Share ${book.title}`, { notebook: book.id }, reach);
}

function open(title, what, reach) {
  const close = h("button", { type: "button", class: "btn icon", "aria-label": "Close" }, icon("close"));
  const list = h("div", { class: "share-links", "aria-live": "polite" });
  const head = h("div", { class: "sheet-h" }, h("h2", { id: "wb-share-h" }, title), close);
  const sheet = h(
    "dialog",
    { class: "sheet share-sheet", "aria-labelledby": "wb-share-h" },
    head,
    h("p", { class: "help" }, reach),
    maker(what, list),
    list,
  );
  close.addEventListener("click", () => sheet.close());
  sheet.addEventListener("click", (event) => event.target === sheet && sheet.close());
  sheet.addEventListener("close", () => sheet.remove());
  document.querySelector("#wb-bar").append(sheet);
  sheet.showModal();
  load(list, what);
}

// ---- a new one

function maker(what, list) {
  const options = LASTS.map(([days, words]) => h("option", { value: days }, words));
  const lasts = h("select", { class: "inp", id: "wb-share-lasts" }, ...options);
  const recipe = h("input", { type: "checkbox", id: "wb-share-recipe", "aria-describedby": "wb-share-says" });
  recipe.checked = true;
  const says = h("p", { class: "help", id: "wb-share-says" }, WITH);
  recipe.addEventListener("change", () => (says.textContent = recipe.checked ? WITH : WITHOUT));
  const make = h("button", { type: "submit", class: "btn primary", autofocus: true }, "Make a link");
  const wrong = h("div", { class: "wrong" });
  const form = h(
    "form",
    null,
    h("label", { class: "chk" }, recipe, "With the recipe"),
    says,
    h("div", { class: "make" }, h("label", { class: "lab", for: lasts.id }, "It lasts"), h("span", { class: "choose" }, lasts, icon("down")), make),
    wrong,
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const days = lasts.value ? Number(lasts.value) : null;
    try {
      const { link } = await post("shares", { ...what, days, with_recipe: recipe.checked });
      wrong.replaceChildren();
      await load(list, what);
      list.querySelector(`[data-token="${CSS.escape(link.token)}"] .copy`)?.focus();
    } catch (refusal) {
      wrong.replaceChildren(problem("wb-share-problem", sentenceOf(refusal)));
    }
  });
  return form;
}

// ---- those there are

/** Fill an element with the live links to something, or with all of them. */
async function load(list, what) {
  try {
    show(list, await get("shares", what));
  } catch (refusal) {
    list.replaceChildren(problem("wb-share-list-problem", sentenceOf(refusal)));
  }
}

function show(list, { links, only_here: onlyHere }, isAll = false) {
  const note = links.length > 0 && onlyHere && h("p", { class: "pill-note warn" }, icon("warn"), h("span", null, onlyHere));
  const rows = links.map((link) => row(link, isAll));
  const none = !links.length && isAll && h("p", { class: "help" }, NONE);
  list.replaceChildren(...[note, none, links.length > 0 && h("ul", { class: "share-rows" }, ...rows)].filter(Boolean));
}

const NONE =
  "No link is open. Share… in the menu of a run or a notebook makes one: a page of its own that needs no account, and that can be taken back.";

function row(link, isAll) {
  const name = isAll ? h("b", null, link.title) : null;
  const address = h("input", { class: "inp mono", readonly: true, value: link.url, "aria-label": `Address of the link to ${link.title}` });
  address.addEventListener("focus", () => address.select());
  const item = h("li", { class: "share-row", "data-token": link.token });
  const acts = h(
    "div",
    { class: "share-acts" },
    copying("Copy", link.url, "Copy the link"),
    h("a", { class: "btn quiet", href: link.url, target: "_blank", rel: "noopener", "aria-label": `Open the link to ${link.title}` }, "Open"),
    link.kind === "run" && copying("Embed", embedOf(link), "Embed: copy the code that shows the video in another page"),
    button("Withdraw", () => ask(item, link), { class: "btn quiet withdraw", "aria-label": `Withdraw the link to ${link.title}` }),
  );
  item.append(h("div", { class: "share-what" }, name, h("p", { class: "help" }, link.words)), address, acts);
  return item;
}

function embedOf({ embed }) {
  return `<iframe src="${embed}" width="640" height="384" style="border:0" allowfullscreen></iframe>`;
}

/** Only pages of this computer, or over https, may copy: elsewhere the address is selected by a press on it. */
function copying(words, text, label) {
  const copy = button(words, null, { class: words === "Copy" ? "btn quiet copy" : "btn quiet", "aria-label": label });
  copy.hidden = !navigator.clipboard;
  copy.addEventListener("click", async () => {
    copy.textContent = await navigator.clipboard.writeText(text).then(
      () => "Copied",
      () => "Not allowed",
    );
    setTimeout(() => (copy.textContent = words), 3000);
  });
  return copy;
}

/** Say what ends, before it does: nothing brings a link back. */
function ask(item, link) {
  const acts = item.querySelector(".share-acts");
  const close = () => {
    asking.remove();
    acts.hidden = false;
    acts.querySelector(".withdraw").focus();
  };
  const asking = h(
    "div",
    { class: "ask", role: "group", "aria-label": `Withdraw the link to ${link.title}` },
    h("p", null, "Whoever has it sees nothing any more, at once. A new link has another address."),
    h("div", { class: "acts" }, button("Withdraw it", () => withdraw(item, asking, link), { class: "btn" }), button("Keep it", close)),
  );
  asking.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault(); // the sheet stays
    close();
  });
  acts.hidden = true;
  item.append(asking);
  asking.querySelector(".btn").focus();
}

async function withdraw(item, asking, link) {
  const list = item.closest(".share-links");
  try {
    await post(`shares/${link.token}/withdraw`);
  } catch (refusal) {
    asking.replaceChildren(problem("wb-share-withdraw-problem", sentenceOf(refusal)));
    return;
  }
  const rest = list.querySelectorAll(".share-row").length - 1;
  if (rest) item.remove();
  else list.replaceChildren();
  const said = h("p", { class: "help said", tabindex: "-1" }, "The link is withdrawn.");
  list.append(said);
  said.focus({ preventScroll: true });
}

function sentenceOf(refusal) {
  return refusal instanceof Refusal ? refusal.message : "This did not work.";
}

/** Every link one has open, for the settings page. */
export function allLinks() {
  const list = h("div", { class: "share-links", "aria-live": "polite" });
  get("shares")
    .then((answer) => show(list, answer, true))
    .catch((refusal) => list.replaceChildren(problem("wb-share-list-problem", sentenceOf(refusal))));
  return list;
}
