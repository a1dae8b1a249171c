// The note of a run: Markdown in serif behind a rule; a click or N edits it in place, leaving it saves.

import { attempt } from "./acts.js";
import { announce, h } from "./dom.js";
import { drawNodes } from "./markdown.js";
import { amend, mayChange } from "./runs.js";
import { post } from "./server.js";

const open = new Set(); // notes that are being written

// A page that goes takes nothing with it that was being written.
addEventListener("pagehide", () => {
  for (const { cell, field } of open)
    post(`runs/${cell.id}/note`, { text: field.value }, { keepalive: true }).catch(() => {});
});

/** The note's place; its `opener`, for the caller to put somewhere, is the quiet button while there is none. */
export function drawNote(cell) {
  const place = h("div", { class: "note-of", "data-mark": "note" });
  const note = { place, cell, field: null };
  place.opener = h(
    "button",
    {
      type: "button",
      class: "note-opener",
      onclick: () => edit(note),
      "aria-label": `Write a note about run ${cell.number}`,
    },
    "Write a note",
  );
  place.edit = () => mayChange(note.cell) && edit(note);
  place.update = (fresh) => {
    const same = fresh.note === note.cell.note;
    note.cell = fresh;
    if (!note.field && !same) show(note);
  };
  show(note);
  return place;
}

function show(note) {
  const { place, cell } = note;
  note.field = null;
  open.delete(note);
  place.classList.remove("editing");
  place.opener.hidden = Boolean(cell.note) || !mayChange(cell);
  place.replaceChildren(...(cell.note ? [words(note)] : []));
}

function words(note) {
  const { cell } = note;
  const text = h("div", { class: "note" }, ...drawNodes(cell.note_nodes ?? [["p", {}, cell.note]]));
  if (!mayChange(cell)) return text;
  text.addEventListener("click", (event) => {
    if (!event.target.closest("a") && getSelection().isCollapsed) edit(note);
  });
  const label = `Edit the note of run ${cell.number}`;
  text.classList.add("may-edit");
  text.append(
    h("button", { type: "button", class: "note-edit", onclick: () => edit(note), "aria-label": label }, "Edit"),
  );
  return text;
}

function edit(note) {
  if (note.field) return note.field.focus();
  const { place, cell } = note;
  const field = h("textarea", {
    class: "note-field",
    rows: 1,
    "aria-label": `Note about run ${cell.number}`,
    placeholder: "What is there to see, and to try next",
  });
  field.value = cell.note ?? "";
  note.field = field;
  open.add(note);
  place.classList.add("editing");
  place.opener.hidden = true;
  place.replaceChildren(
    field,
    h("p", { class: "help" }, "Markdown works. Saved when you leave it; Escape takes it back."),
  );
  field.addEventListener("input", () => grow(field));
  field.addEventListener("keydown", (event) => leaveByKey(event, note));
  field.addEventListener("blur", () => note.field === field && !place.moving && save(note));
  grow(field);
  field.focus();
  field.setSelectionRange(field.value.length, field.value.length);
}

function grow(field) {
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight + 2}px`;
}

function leaveByKey(event, note) {
  const saves = event.key === "Enter" && (event.ctrlKey || event.metaKey);
  if (event.key !== "Escape" && !saves) return;
  event.preventDefault();
  event.stopPropagation(); // Ctrl Enter would generate
  if (saves) return note.field.blur();
  show(note);
  returnFocus(note);
}

function returnFocus({ place }) {
  const next = place.closest("[tabindex]");
  next?.focus({ preventScroll: true });
}

async function save(note) {
  const { place, cell, field } = note;
  const text = field.value.trim();
  if (text === (cell.note ?? "")) return show(note);
  const focusLeft = !place.contains(document.activeElement);
  const answer = await attempt(() => post(`runs/${cell.id}/note`, { text }));
  if (!answer) return focusLeft ? field.classList.add("unsaved") : undefined;
  note.field = null;
  amend(cell.id, { note: answer.run.note, note_nodes: answer.run.note_nodes });
  note.cell = { ...note.cell, note: answer.run.note, note_nodes: answer.run.note_nodes };
  show(note);
  announce(text ? `The note of run ${cell.number} is saved.` : `The note of run ${cell.number} is gone.`);
}
