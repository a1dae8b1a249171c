// What differs between runs that are compared: their fields in a table, their camera paths in one view.

import { h } from "./dom.js";
import { topViews } from "./topview.js";

let everything = false; // whether fields that are the same are shown too

/** The table of fields: those that differ, or all. */
export function drawFields(box, page) {
  const { runs, rows, same } = page;
  const all = h("input", { type: "checkbox" });
  all.checked = everything;
  all.addEventListener("change", () => {
    everything = all.checked;
    drawFields(box, page);
    box.querySelector("input").focus();
  });
  const visible = rows.filter((row) => everything || row.differs);
  const table = h(
    "table",
    { class: "tbl" },
    h(
      "thead",
      null,
      h(
        "tr",
        null,
        h("th", { scope: "col" }, h("span", { class: "vh" }, "Field")),
        ...runs.map(({ number }) => h("th", { scope: "col" }, String(number))),
      ),
    ),
    h("tbody", null, ...visible.map((row) => lineOf(row, page.runs))),
  );
  box.replaceChildren(
    h(
      "div",
      { class: "differs-h" },
      h("h2", { class: "h3" }, "What differs"),
      h("label", { class: "chk" }, all, `Show all ${rows.length} fields`),
    ),
    visible.length
      ? h("div", { class: "tbl-box", tabindex: 0, role: "region", "aria-label": "Fields" }, table)
      : h("p", null, "Nothing differs in what was asked."),
    h("p", { class: "help" }, same),
  );
}

function lineOf({ name, values, differs, mono }, runs) {
  const kind = [mono && "mono", everything && differs && "differs"].filter(Boolean).join(" ");
  const words = (value, index) => (name === "First frame" ? firstFrame(runs[index]) : value || "none");
  return h(
    "tr",
    null,
    h("th", { scope: "row" }, name),
    ...values.map((value, index) => h("td", { class: kind || null }, words(value, index))),
  );
}

function firstFrame({ media, number }) {
  return h("img", {
    class: "first",
    src: media.first_frame,
    alt: `First frame of run ${number}`,
    loading: "lazy",
  });
}

/** All paths from above, the first as if it were alone. */
export function drawPaths(page) {
  if (!page.map) return h("div", null);
  const keys = page.runs.map(({ number }, index) =>
    h("span", null, h("span", { class: `key k${index}` }), String(number)),
  );
  const words = page.runs.length === 2 ? "Both paths from above" : "All paths from above";
  return h(
    "div",
    { class: "paths" },
    h("h2", { class: "h3" }, words),
    topViews(page.map),
    h("p", { class: "help legend" }, ...keys),
  );
}
