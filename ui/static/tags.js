// The tags of a run: links to every run with the same one, and a field in place that adds and removes them.

import { attempt } from "./acts.js";
import { h, icon } from "./dom.js";
import { hold, mayChange } from "./runs.js";
import { get, post } from "./server.js";
import { done } from "./undo.js";
import { addressOf } from "./views.js";

const OFFERED = 6; // known tags shown below the field

let lists = 0; // every list of offers has an id of its own
let known = []; // tags of the notebook, the most used first

/** The line of tags; where the visitor may change the run, with Add tag. */
export function drawTags(cell) {
  const place = h("div", { class: "tags", "data-mark": "tags" });
  const line = { place, cell, field: null };
  place.update = (fresh) => {
    const same = String(fresh.tags) === String(line.cell.tags);
    line.cell = fresh;
    if (same) return;
    if (line.field) drawChips(line);
    else show(line);
  };
  place.edit = () => mayChange(line.cell) && edit(line);
  place.addEventListener("focusout", ({ relatedTarget }) => {
    if (line.field && !place.moving && !place.contains(relatedTarget)) finish(line);
  });
  show(line);
  return place;
}

/** Every run with a tag, in the gallery. */
function tagAddress(tag) {
  return addressOf("gallery", `q=${encodeURIComponent(`tag:${tag}`)}`);
}

function show(line) {
  const { place, cell } = line;
  line.field = null;
  place.classList.remove("editing");
  const add = h(
    "button",
    {
      type: "button",
      class: "add-tag",
      onclick: () => edit(line),
      "aria-label": `Add tag to run ${cell.number}`,
    },
    "Add tag",
  );
  const tags = (cell.tags ?? []).map((tag) => h("a", { href: tagAddress(tag) }, `#${tag}`));
  place.replaceChildren(...tags, ...(mayChange(cell) ? [add] : []));
}

// ---- in edit: each tag can be taken off, a field takes new ones

function edit(line) {
  if (line.field) return line.field.focus();
  const id = `tags-${++lists}`;
  const field = h("input", {
    class: "tag-field",
    role: "combobox",
    "aria-label": `New tag for run ${line.cell.number}`,
    "aria-controls": id,
    "aria-expanded": "false",
    "aria-autocomplete": "list",
    autocomplete: "off",
    autocapitalize: "none",
    spellcheck: "false",
    maxlength: 40,
    placeholder: "tag",
  });
  const chips = h("span", { class: "tag-chips" });
  const offers = h("ul", { class: "tag-offers", id, role: "listbox", "aria-label": "Known tags" });
  line.place.classList.add("editing");
  line.place.replaceChildren(chips, h("span", { class: "tag-entry" }, field, offers));
  Object.assign(line, { field, chips, offers, at: -1 }); // only now: the button that had the focus is gone
  drawChips(line);
  field.addEventListener("input", () => offer(line));
  field.addEventListener("keydown", (event) => steer(event, line));
  field.focus();
  offer(line);
  get("tags").then(
    ({ tags }) => {
      known = tags.map(({ tag }) => tag);
      if (line.field === field) offer(line);
    },
    () => {},
  );
}

function drawChips(line) {
  const chip = (tag) =>
    h(
      "span",
      { class: "tag-chip" },
      `#${tag}`,
      h(
        "button",
        { type: "button", "aria-label": `Remove tag ${tag}`, onclick: () => takeOff(line, tag) },
        icon("close"),
      ),
    );
  if (line.chips.contains(document.activeElement)) line.field.focus();
  line.chips.replaceChildren(...(line.cell.tags ?? []).map(chip));
}

function takeOff(line, tag) {
  change(line.cell, [], [tag]);
}

// What begins with the typed letters comes before what contains them.
function offer(line) {
  const typed = spelled(line.field.value).toLowerCase();
  const begins = (tag) => tag.toLowerCase().startsWith(typed);
  const free = known.filter((tag) => tag.toLowerCase().includes(typed) && !has(line.cell, tag));
  const sorted = [...free.filter(begins), ...free.filter((tag) => !begins(tag))];
  line.at = -1;
  const choice = (tag, index) =>
    h(
      "li",
      { role: "option", id: `${line.offers.id}-${index}`, "aria-selected": "false", onpointerdown: (event) => {
        event.preventDefault(); // the field keeps the focus
        add(line, tag);
      } },
      `#${tag}`,
    );
  line.offers.replaceChildren(...sorted.slice(0, OFFERED).map(choice));
  line.field.setAttribute("aria-expanded", String(sorted.length > 0));
  line.field.removeAttribute("aria-activedescendant");
}

function steer(event, line) {
  const { key } = event;
  if (key === "Escape") {
    line.field.value = "";
    finish(line, true);
  } else if (key === "Enter" || key === ",") {
    add(line, line.offers.children[line.at]?.textContent ?? line.field.value);
  } else if (key === "ArrowDown" || key === "ArrowUp") walk(line, key === "ArrowDown" ? 1 : -1);
  else if (key === "Backspace" && !line.field.value && line.cell.tags?.length)
    change(line.cell, [], [line.cell.tags.at(-1)]);
  else return;
  event.preventDefault();
  event.stopPropagation();
}

function walk(line, by) {
  const offers = [...line.offers.children];
  if (!offers.length) return;
  line.at = (line.at + by + offers.length + (line.at < 0 && by < 0 ? 1 : 0)) % offers.length;
  offers.forEach((one, index) => one.setAttribute("aria-selected", String(index === line.at)));
  line.field.setAttribute("aria-activedescendant", offers[line.at].id);
}

// Enter on an empty field is the end of it.
function add(line, words) {
  const tag = spelled(words);
  if (!tag) return finish(line, true);
  line.field.value = "";
  if (!has(line.cell, tag)) change(line.cell, [tag], []);
  offer(line);
}

function finish(line, stay = false) {
  const tag = spelled(line.field.value);
  if (tag && !has(line.cell, tag)) change(line.cell, [tag], []);
  show(line);
  if (stay) line.place.querySelector(".add-tag")?.focus();
}

/** A tag as it is kept: without the sign before it, with a line for a space. */
function spelled(words) {
  return words.trim().replace(/^#+/, "").trim().replace(/\s+/g, "-");
}

/** Whether a run has a tag; capitals make no other tag. */
function has(cell, tag) {
  return (cell.tags ?? []).some((one) => one.toLowerCase() === tag.toLowerCase());
}

/** Put tags on a run and take others off; both can be taken back. */
export function change(cell, add, drop) {
  const tags = [...(cell.tags ?? []).filter((tag) => !drop.includes(tag)), ...add];
  const send = () => attempt(() => post("tags", { runs: [cell.id], add, drop }));
  const sent = hold(cell.id, { tags }, send);
  const sentence = add.length
    ? `Run ${cell.number} is tagged #${add.join(", #")}`
    : `Run ${cell.number} is no longer tagged #${drop.join(", #")}`;
  done(sentence, async () => {
    const { before } = (await sent) ?? {};
    if (before) await hold(cell.id, { tags: before[cell.id] }, () => post("tags/set", { tags: before }));
  });
}
