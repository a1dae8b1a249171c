// What the worker wrote down about a failed run, to read or to copy into a report.

import { button, h, icon } from "./dom.js";

/** Show a log in a sheet over the page. */
export function openLog(cell, text) {
  const title = h("h2", { id: "wb-log-h" }, `Log of run ${cell.number}`);
  const close = h("button", { type: "button", class: "btn icon", "aria-label": "Close" }, icon("close"));
  const copy = button("Copy", async () => {
    await navigator.clipboard?.writeText(text);
    copy.textContent = "Copied";
  });
  copy.hidden = !text || !navigator.clipboard; // only pages of this computer, or over https, may copy
  const sheet = h(
    "dialog",
    { class: "sheet", "aria-labelledby": "wb-log-h" },
    h("div", { class: "sheet-h" }, title, h("span", { class: "end" }, copy, close)),
    text
      ? h("pre", { class: "log", tabindex: 0 }, text)
      : h("p", { class: "help" }, "Nothing was written down."),
  );
  close.addEventListener("click", () => sheet.close());
  sheet.addEventListener("click", (event) => event.target === sheet && sheet.close());
  sheet.addEventListener("close", () => sheet.remove());
  document.querySelector("#wb-bar .wb, #wb-bar")?.append(sheet);
  sheet.showModal();
}
