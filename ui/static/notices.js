// What every view says at its top when something is amiss: no connection, no model, a worker that cannot start.

import { h, icon } from "./dom.js";
import { onLink, queueState } from "./runs.js";

let lostAt = null;
onLink((time) => (lostAt = time));

/** Say what is amiss, and whatever else a view has to say: each of `more` is its words and what stands after them. */
export function drawNotices(place, ...more) {
  const { trouble } = queueState();
  const notes = [...more];
  if (trouble) notes.unshift([trouble]);
  if (lostAt) {
    const clock = lostAt.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
    notes.unshift([`Lost the connection at ${clock}. Runs go on; this page catches up by itself.`]);
  }
  const key = notes.map(([words]) => words).join("\n");
  if (place.dataset.key === key) return; // what is said already is not read out again
  place.dataset.key = key;
  place.replaceChildren(
    ...notes.map(([words, ...after]) =>
      h("div", { class: "pill-note warn", role: "status" }, icon("warn"), h("span", null, words), ...after),
    ),
  );
}
