// A text between the runs: Markdown in serif. A click, Enter or E edits it in place; leaving it saves.

import { removeCell, writeText } from "./bookacts.js";
import { openBook } from "./books.js";
import { cellById } from "./celllist.js";
import { h } from "./dom.js";
import { editInPlace } from "./inplace.js";
import { drawNodes } from "./markdown.js";

const HINT = "A heading begins with #. Markdown works. Leaving saves, Escape takes it back.";

/** Draw a text into the body of its cell. */
export function drawText(thin, main) {
  main.append(...drawNodes(thin.nodes));
  if (!openBook().may_change) return;
  main.classList.add("may-edit");
  main.addEventListener("click", (event) => {
    if (!event.target.closest("a, textarea") && getSelection().isCollapsed) editText(thin.id, main);
  });
}

/** Whether somebody writes in a text at the moment. */
export function isEdited(element) {
  return element.querySelector(":scope > .main > textarea.in-place") !== null;
}

/** Write in the text of a cell. Another tab may write in it meanwhile: what is left last stands. */
export function editText(id, main) {
  if (main.querySelector("textarea")) return;
  edit(main, cellById(id).thin.text, {
    save: async (text) => {
      if (!text) return removeCell(cellById(id).thin, "The empty text is gone");
      return Boolean(await writeText(id, text));
    },
    end: (byKey) => {
      main.replaceChildren(...drawNodes(cellById(id)?.thin.nodes ?? []));
      if (byKey) main.parentElement.focus({ preventScroll: true });
    },
  });
}

/** A text that is not kept yet, drawn before `slot`: `add(text)` keeps it. Nothing written, nothing kept. */
export function newText(put, add, leave) {
  const main = h("div", { class: "main" });
  const element = h("article", { class: "cell text-cell is-new", tabindex: -1 }, main);
  put(element);
  edit(main, "", {
    save: async (text) => !text || Boolean(await add(text)),
    end: (byKey) => {
      element.remove();
      leave(byKey);
    },
  });
  element.scrollIntoView({ block: "nearest" });
}

function edit(main, text, { save, end }) {
  editInPlace(main, { text, label: "Text", hint: "Write what you see, or what you want to try", save, end });
  main.append(h("p", { class: "help" }, HINT));
}
