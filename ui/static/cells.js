// One run, drawn. Five states, two boxes: the wide cell (running, done) and the slim one (queued, failed, cancelled).

import { button, h, icon } from "./dom.js";
import { player } from "./player.js";
import { topView } from "./topview.js";

const SPOKEN = { queued: "queued", running: "running", done: "", failed: "failed", cancelled: "cancelled" };

/** The element of a run. `acts` are the page's answers to its buttons. */
export function drawCell(cell, acts) {
  const wide = cell.state === "running" || cell.state === "done";
  const spoken = SPOKEN[cell.state];
  const number = h(
    "a",
    {
      class: "num",
      href: `#run-${cell.id}`,
      id: `number-${cell.id}`,
      "aria-label": `Run ${cell.number}${spoken ? `, ${spoken}` : ""}`,
    },
    String(cell.number),
  );
  const main = h("div", { class: "main" }, ...(wide ? wideParts(cell, acts) : [slim(cell, acts)]));
  return h(
    "article",
    {
      class: wide ? "cell" : "cell has-slim",
      id: `run-${cell.id}`,
      "data-state": cell.state,
      "aria-labelledby": `number-${cell.id}`,
      tabindex: -1,
    },
    number,
    main,
  );
}

/** Bring a running cell up to date without moving anything in it. */
export function updateRunning(element, cell) {
  element.querySelector(".cell-h .rel").replaceWith(relation(cell));
  element.querySelector(".stages").replaceWith(stageList(cell));
  showPreview(element.querySelector(".pic"), cell);
}

function wideParts(cell, acts) {
  const running = cell.state === "running";
  const picture = running ? preview(cell) : player(cell, () => acts.lost(cell));
  const caption = h(
    "div",
    { class: "cap" },
    words(cell),
    running ? stageList(cell) : inputs(cell, acts),
    running ? null : facts(cell),
  );
  const head = h(
    "div",
    { class: "cell-h" },
    relation(cell),
    h(
      "div",
      { class: "end" },
      running
        ? button("Cancel", () => acts.cancel(cell), { "aria-label": `Cancel run ${cell.number}` })
        : cell.relation && when(cell),
    ),
  );
  const body = h("div", { class: "cell-b" }, picture, caption);
  if (running) return [head, body];
  return [head, body, doneActs(cell, acts), h("p", { class: "meta-s" }, cell.took)];
}

function words(cell) {
  return cell.prompt ? h("p", { class: "prompt" }, cell.prompt) : h("p", { class: "help" }, "No prompt");
}

function relation(cell) {
  const parts = [];
  if (cell.state === "running")
    parts.push(
      h("span", { class: "state" }, h("span", { class: "dot" }), "Running"),
      cell.left && h("span", null, cell.left),
    );
  else if (cell.relation)
    parts.push(
      h(
        "span",
        null,
        `${cell.relation.text} `,
        h("a", { href: `#run-${cell.relation.id}` }, String(cell.relation.number)),
      ),
    );
  else parts.push(when(cell));
  return h("div", { class: "rel" }, ...parts, diffs(cell));
}

function diffs(cell) {
  if (!cell.changes.length) return null;
  const chips = cell.changes.map(({ field, before, after }) =>
    h(
      "span",
      { class: "diff" },
      `${field} `,
      before && h("del", null, before),
      before && " ",
      h("b", null, after),
    ),
  );
  if (cell.more_changes) chips.push(h("span", { class: "diff" }, `${cell.more_changes} more`));
  return h("div", { class: "diffs" }, ...chips);
}

function when(cell) {
  const date = new Date(cell.created_at * 1000);
  const today = new Date().toDateString() === date.toDateString();
  const clock = date.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  const day = date.toLocaleDateString("en-GB", { day: "numeric", month: "long", year: "numeric" });
  return h(
    "time",
    { class: "sub", datetime: date.toISOString(), title: `${day}, ${clock}` },
    today ? `Today, ${clock}` : day,
  );
}

function inputs(cell) {
  const first = h("img", {
    src: cell.media.first_frame,
    alt: `First frame of run ${cell.number}`,
    loading: "lazy",
  });
  const ratio = cell.size[0] ? `aspect-ratio:${cell.size[0]}/${cell.size[1]}` : null;
  return h(
    "div",
    {
      class: "in2",
      style: cell.size[0] ? `grid-template-columns:${cell.size[0]}fr ${cell.size[1]}fr` : null,
    },
    h("figure", null, h("div", { class: "pic", style: ratio }, first), h("figcaption", null, "First frame")),
    cell.map && h("figure", null, topView(cell.map), h("figcaption", null, cell.path)),
  );
}

function facts(cell) {
  return h(
    "dl",
    { class: "facts" },
    ...cell.facts.flatMap(([name, value]) => [h("dt", null, name), h("dd", null, value)]),
  );
}

function doneActs(cell, acts) {
  const named = (label) => ({ "aria-label": `${label} run ${cell.number}` });
  return h(
    "div",
    { class: "acts" },
    button("Remix", () => acts.remix(cell), named("Remix")),
    button("New seed", () => acts.reseed(cell), { "aria-label": `New seed for run ${cell.number}` }),
    h(
      "a",
      {
        class: "btn quiet",
        href: cell.media.download,
        download: "",
        "aria-label": `Download run ${cell.number}`,
      },
      "Download",
    ),
    h("span", { class: "meta" }, cell.took),
  );
}

// ---- running

function preview(cell) {
  const ratio = cell.size[0] ? `aspect-ratio:${cell.size[0]}/${cell.size[1]}` : null;
  const picture = h("div", { class: "pic", style: ratio });
  showPreview(picture, cell);
  return h("div", { class: "out" }, picture, h("div", { class: "scrub-space" }));
}

// The next preview is shown once it is decoded, so that the picture never blinks.
function showPreview(picture, cell) {
  const address = cell.media.preview || cell.media.first_frame;
  const label = cell.rough || "First frame";
  if (picture.dataset.address === address) return;
  picture.dataset.address = address;
  const image = h("img", {
    src: address,
    alt: cell.rough ? `Rough preview of run ${cell.number}` : `First frame of run ${cell.number}`,
  });
  const show = () => {
    if (picture.dataset.address !== address) return;
    picture.replaceChildren(image, h("span", { class: "rough" }, label));
  };
  if (picture.firstChild) image.decode().then(show, () => {});
  else show();
}

function stageList(cell) {
  return h("ol", { class: "stages" }, ...cell.stages.map(stageRow));
}

function stageRow(stage) {
  const mark = { done: icon("check"), now: h("span", { class: "dot" }), next: h("span", { class: "pend" }) }[
    stage.state
  ];
  const meter =
    stage.percent === null
      ? null
      : h(
          "span",
          {
            class: "meter",
            style: `--at:${stage.percent}%`,
            role: "progressbar",
            "aria-label": stage.text,
            "aria-valuenow": String(stage.percent),
            "aria-valuemin": "0",
            "aria-valuemax": "100",
          },
          h("i"),
        );
  return h(
    "li",
    {
      class: stage.state === "next" ? null : stage.state,
      "aria-current": stage.state === "now" ? "step" : null,
    },
    mark,
    h("span", null, stage.text),
    h("span", { class: "took" }, stage.note),
    meter,
  );
}

// ---- slim

function slim(cell, acts) {
  const picture = h(
    "div",
    { class: "pic" },
    h("img", { src: cell.media.first_frame, alt: `First frame of run ${cell.number}`, loading: "lazy" }),
  );
  const { title, text, detail } = cell.status;
  const bad = cell.state === "failed";
  const column = h(
    "div",
    { class: "col" },
    h("p", { class: bad ? "state bad" : "state" }, bad ? icon("warn") : null, title),
    cell.state === "queued" && cell.prompt ? h("p", { class: "prompt" }, cell.prompt) : null,
    text ? h("p", { class: "text" }, text) : null,
    h("p", { class: "small sub" }, detail),
  );
  return h("div", { class: "slim" }, picture, column, h("div", { class: "acts" }, ...slimActs(cell, acts)));
}

function slimActs(cell, acts) {
  const named = (label) => ({ "aria-label": `${label} run ${cell.number}` });
  if (cell.state === "queued")
    return [
      button("Remix", () => acts.remix(cell), named("Remix")),
      button("Remove", () => acts.cancel(cell), named("Remove")),
    ];
  const again = cell.state === "failed" ? "Retry" : "Run again";
  return [
    h("button", { type: "button", class: "btn", onclick: () => acts.retry(cell), ...named(again) }, again),
    button("Remix", () => acts.remix(cell), named("Remix")),
  ];
}
