// The queue in one line under the bar: what is made, how long it still takes, how many wait.

import { button, h } from "./dom.js";
import { isOwner, queueState } from "./runs.js";
import { timeOf } from "./times.js";

/** Draw the line for the run that is being made, if any; it is absent when nothing runs or waits for a word. */
export function drawStrip(strip, running, acts) {
  const { queued, paused, pause } = queueState();
  strip.hidden = !running && !(paused && queued);
  if (strip.hidden) {
    delete strip.dataset.key;
    return strip.replaceChildren();
  }
  const key = JSON.stringify([running?.id, queued, paused, pause]);
  if (strip.dataset.key === key) return running && update(strip, running);
  strip.dataset.key = key;
  const focused = strip.contains(document.activeElement) && document.activeElement.textContent;
  const waiting = queued > 0 && [
    h("span", { class: "sep only-l" }),
    h("span", { class: "only-l" }, h("b", null, String(queued)), " waiting"),
  ];
  const control = isOwner() && (paused ? button("Go on", acts.resume) : button("Pause", acts.pause));
  const open = h("a", { class: "btn quiet only-l", href: "#/queue" }, "Open queue");
  strip.replaceChildren(
    ...(running ? line(running) : [h("span", { class: "why" }, pause)]),
    ...(waiting || []),
    h("span", { class: "end" }, control, open),
  );
  if (focused) strip.querySelector(".end > *")?.focus();
}

function line(cell) {
  const number = h("a", { href: `#run-${cell.id}` }, String(cell.number));
  const meter = h("span", { class: "meter", "aria-hidden": "true" }, h("i"));
  meter.style.setProperty("--at", `${cell.percent}%`);
  return [
    h("span", { class: "dot" }),
    h("span", null, number, " ", h("span", { class: "doing" }, doing(cell))),
    meter,
    timeOf("short", cell.id),
  ];
}

function update(strip, cell) {
  strip.querySelector(".meter").style.setProperty("--at", `${cell.percent}%`);
  strip.querySelector(".doing").textContent = doing(cell);
}

function doing(cell) {
  const stage = cell.stages.find((one) => one.state === "now");
  return stage ? stage.text.replace(/(,| \d).*/, "").toLowerCase() : "running";
}
