// Short notes at the bottom left: at most three, gone after six seconds, or when a slow reader has read them, unless held.

import { h, icon } from "./dom.js";

const SHOWN_MS = 6000;
const SIGN_MS = 70; // 14 signs a second
const MOST = 3;

/** Show a sentence, with one thing to do about it where there is one; what is given back ends it, once. */
export function toast(sentence, label = "", action = null) {
  const place = document.querySelector("#wb-toasts .toasts");
  if (!place) return () => false;
  const close = h("button", { type: "button", class: "btn icon", "aria-label": "Dismiss" }, icon("close"));
  const act = action && h("button", { type: "button", class: "btn" }, label);
  const note = h("div", { class: "toast", role: "status" }, h("span", null, sentence), act, close);
  const end = () => {
    const shown = note.isConnected;
    note.remove();
    return shown;
  };
  close.addEventListener("click", end);
  act?.addEventListener("click", () => {
    end();
    action();
  });
  const shownFor = Math.max(SHOWN_MS, SIGN_MS * sentence.length);
  let timer = setTimeout(end, shownFor);
  for (const event of ["pointerenter", "focusin"]) note.addEventListener(event, () => clearTimeout(timer));
  for (const event of ["pointerleave", "focusout"])
    note.addEventListener(event, () => {
      timer = setTimeout(end, shownFor);
    });
  place.append(note);
  while (place.children.length > MOST) place.firstElementChild.remove();
  return end;
}
