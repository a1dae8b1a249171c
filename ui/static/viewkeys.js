// Single keys of a view that has its page to itself. They rest while a field has the focus, and can be switched off.

import { currentView } from "./views.js";

/** Let keys act in a view: {key: action}. Enter stays what it is on links, buttons and fields. */
export function onKeys(view, actions) {
  addEventListener("keydown", (event) => {
    if (event.defaultPrevented) return; // it has acted on the run that is shown
    if (currentView() !== view || event.ctrlKey || event.metaKey || event.altKey || !switchedOn()) return;
    if (document.querySelector("dialog[open], :popover-open") || isTyping(event.target)) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (!actions[key] || (key === "Enter" && event.target.matches("a, button, input, summary, [role]")))
      return;
    actions[key]();
    event.preventDefault();
  });
}

function switchedOn() {
  try {
    return localStorage.getItem("wanderbook.keys") !== "off";
  } catch {
    return true;
  }
}

function isTyping(target) {
  return target.matches?.(
    "input:not([type=radio]):not([type=checkbox]):not([type=range]), textarea, select, [contenteditable]",
  );
}
