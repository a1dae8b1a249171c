// The small sheets that ask: which tags, which notebook, really for good. Each resolves to the answer, or to null.

import { allBooks, makeBook } from "./books.js";
import { h, icon, problem } from "./dom.js";
import { Refusal, get } from "./server.js";

let count = 0;

/** Ask in a sheet; `read()` gives the answer of a press on a button that submits, or throws a sentence. */
function ask(title, content, buttons, read) {
  const id = `wb-ask-${++count}`;
  const close = h("button", { type: "button", class: "btn icon", "aria-label": "Close" }, icon("close"));
  const head = h("div", { class: "sheet-h" }, h("h2", { id }, title), close);
  const wrong = h("div", { class: "wrong" });
  const form = h("form", null, ...content, wrong, h("div", { class: "sheet-acts" }, ...buttons));
  const sheet = h("dialog", { class: "sheet ask-sheet", "aria-labelledby": id }, head, form);
  return new Promise((resolve) => {
    let answer = null;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      try {
        answer = await read(event.submitter);
        sheet.close();
      } catch (refusal) {
        const sentence = refusal instanceof Refusal ? refusal.message : "This did not work.";
        wrong.replaceChildren(problem(`${id}-problem`, sentence));
      }
    });
    close.addEventListener("click", () => sheet.close());
    sheet.addEventListener("click", (event) => event.target === sheet && sheet.close());
    sheet.addEventListener("close", () => {
      sheet.remove();
      resolve(answer);
    });
    document.querySelector("#wb-bar").append(sheet);
    sheet.showModal();
  });
}

const submit = (words, value, kind = "btn primary") => h("button", { type: "submit", class: kind, value }, words);

/** Which tags to put on runs and which to take off: {add, drop}. */
export async function tagSheet(cards, name) {
  const carried = new Map(); // tag -> on how many
  for (const tag of cards.flatMap(({ tags }) => tags)) carried.set(tag, (carried.get(tag) ?? 0) + 1);
  const boxes = [...carried].map(([tag, on]) => {
    const box = h("input", { type: "checkbox", name: tag });
    box.checked = on === cards.length;
    box.indeterminate = on < cards.length;
    const some = on < cards.length && h("span", { class: "help" }, `on ${on} of ${cards.length}`);
    return { tag, box, some: box.indeterminate, element: h("label", { class: "chk" }, box, `#${tag}`, some) };
  });
  const known = await get("tags").catch(() => ({ tags: [] }));
  const names = h("datalist", { id: "wb-tag-names" }, ...known.tags.map(optionOf));
  const field = h("input", { class: "inp", id: "wb-new-tags", list: names.id, autocomplete: "off", autofocus: true });
  const content = [
    h("div", { class: "boxes" }, ...boxes.map(({ element }) => element)),
    h("label", { class: "lab", for: field.id }, "New tags"),
    field,
    h("p", { class: "help" }, "Several with a comma between them."),
    names,
  ];
  const on = (one) => one.box.checked && !one.box.indeterminate;
  return ask(`Tags of ${name.toLowerCase()}`, content, [submit("Save", "save")], () => {
    const written = field.value.split(",").map((tag) => tag.trim());
    const ticked = boxes.filter(on).map(({ tag }) => tag);
    const drop = boxes.filter((one) => !on(one) && !one.box.indeterminate).map(({ tag }) => tag);
    return { add: [...ticked, ...written.filter(Boolean)], drop };
  });
}

const optionOf = (tag) => h("option", { value: tag.tag ?? tag });

/** Which notebook, and whether the runs stay where they are, too: {book, also}. */
export async function moveSheet(name) {
  const books = allBooks().filter((book) => book.may_change);
  const choices = books.map((book, at) => {
    const box = h("input", { type: "radio", name: "book", value: book.id });
    box.checked = at === 0;
    return h("label", { class: "chk" }, box, book.title, h("span", { class: "help" }, runs(book.runs)));
  });
  const field = h("input", { class: "inp", id: "wb-new-book", autocomplete: "off", placeholder: "Its title" });
  const fresh = h("input", { type: "radio", name: "book", value: "", "aria-label": "A new notebook" });
  field.addEventListener("input", () => (fresh.checked = true));
  const content = [
    h("div", { class: "boxes", role: "radiogroup", "aria-label": "Notebooks" }, ...choices),
    h("label", { class: "lab", for: field.id }, fresh, "A new notebook"),
    field,
  ];
  const buttons = [submit("Move", "move"), submit("Also show there", "also", "btn")];
  return ask(`${name} to a notebook`, content, buttons, async ({ form, value }) => {
    const id = form.elements.book.value;
    const book = id ? books.find((one) => one.id === id) : await makeBook(field.value);
    return { book, also: value === "also" };
  });
}

const runs = (number) => (number === 1 ? "1 run" : `${number} runs`);

/** Whether runs shall go for good. */
export function purgeSheet(cards, name) {
  const theirs = cards.length === 1 ? "Its video, its pictures and its note" : "Their videos, pictures and notes";
  const content = [h("p", { class: "text" }, `${theirs} are deleted. Nothing brings them back.`)];
  const buttons = [submit("Delete for good", "purge", "btn danger")];
  return ask(`Delete ${name.toLowerCase()} for good`, content, buttons, () => true);
}
