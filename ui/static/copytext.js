// A Copy button beside words that are typed elsewhere.

import { announce, h } from "./dom.js";

const SAID_MS = 4000;

/** A button that copies what `shown` says; without a clipboard it selects it. */
export function copyButton(shown, attributes) {
  const copy = h("button", { type: "button", class: "btn", onclick: () => copyText(shown, copy), ...attributes }, "Copy");
  return copy;
}

async function copyText(shown, copy) {
  try {
    await navigator.clipboard.writeText(shown.textContent);
    copy.textContent = "Copied";
    announce("Copied.");
  } catch {
    getSelection().selectAllChildren(shown); // no clipboard over plain http: Ctrl C does the rest
    copy.textContent = "Selected, now press Ctrl C";
    announce("Selected. Press Control C.");
  }
  setTimeout(() => (copy.textContent = "Copy"), SAID_MS);
}
