// A short list in the top layer that hangs on a button: the notebooks, an outline, places to put a run.

import { h } from "./dom.js";

let open = null; // the list that is shown

/**
 * Show rows below `anchor`: {words, number, end, level, current, act}, or "-" for a line between them.
 * Gone when one is chosen, on Escape, and when anything else is clicked.
 */
export function openList(anchor, label, rows) {
  open?.hidePopover();
  const list = h("div", { class: "pop-list", popover: "auto", role: rows.length ? "menu" : "note", "aria-label": label });
  list.append(...rows.filter(Boolean).map((row) => (row === "-" ? h("hr") : drawRow(row, list))));
  if (!rows.length) list.append(h("p", { class: "help" }, "Nothing here yet."));
  list.addEventListener("keydown", walk);
  list.addEventListener("toggle", ({ newState }) => {
    if (newState === "open") return;
    anchor.setAttribute("aria-expanded", "false");
    list.remove();
    open = open === list ? null : open;
  });
  (anchor.closest(".wb") ?? document.body).append(list);
  anchor.setAttribute("aria-expanded", "true");
  list.showPopover();
  open = list;
  put(list, anchor);
  (list.querySelector("[aria-checked=true]") ?? list.querySelector("button"))?.focus({ preventScroll: true });
}

function drawRow({ words, number, end, level, current, act }, list) {
  const choose = () => {
    list.hidePopover();
    act();
  };
  return h(
    "button",
    {
      type: "button",
      role: current === undefined ? "menuitem" : "menuitemradio",
      "aria-checked": current === undefined ? null : String(current),
      class: `level-${level ?? 1}`,
      tabindex: -1,
      onclick: choose,
    },
    number !== undefined && number !== null && h("span", { class: "n" }, String(number)),
    h("span", { class: "words" }, words),
    end !== undefined && h("span", { class: "end" }, String(end)),
  );
}

// Below the anchor, inside the window; above where there is more room.
function put(list, anchor) {
  const at = anchor.getBoundingClientRect();
  const [below, above] = [innerHeight - at.bottom - 12, at.top - 12];
  const down = list.offsetHeight <= below || below >= above;
  list.style.maxHeight = `${down ? below : above}px`;
  list.style.top = `${down ? at.bottom + 4 : Math.max(8, at.top - 4 - list.offsetHeight)}px`;
  const left = at.left + list.offsetWidth <= innerWidth - 8 ? at.left : at.right - list.offsetWidth;
  list.style.left = `${Math.max(8, Math.min(left, innerWidth - 8 - list.offsetWidth))}px`;
}

function walk(event) {
  const items = [...event.currentTarget.querySelectorAll("button")];
  const at = items.indexOf(document.activeElement);
  const goal = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
  if (event.key === "Tab") event.currentTarget.hidePopover();
  if (goal === undefined) return;
  event.preventDefault();
  event.stopPropagation();
  items[(goal + items.length) % items.length]?.focus();
}
