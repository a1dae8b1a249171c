// Two to four runs in sync: side by side, wiped, blinking, or what differs between them; and which one holds up.

import { drawPicker } from "./comparepicker.js";
import { openBook } from "./books.js";
import { button, debounce, h } from "./dom.js";
import { drawStars, updateMarks } from "./marks.js";
import { onRun, renew } from "./runs.js";
import { Refusal, get, post } from "./server.js";
import { drawFields, drawPaths } from "./comparefields.js";
import { buildStage } from "./comparestage.js";
import { syncPlayer } from "./syncplayer.js";
import { toast } from "./toasts.js";
import { done } from "./undo.js";
import { onKeys } from "./viewkeys.js";
import { addressOf, currentView, goTo, showTitle, viewArgument } from "./views.js";

const MOST = 4;

let place = null;
let shown = ""; // the runs on the page, as the address names them
let page = null;
let player = null;
let stage = null;

export function mountCompare({ element }) {
  place = element;
  addEventListener("wb:view", () => (currentView() === "compare" ? open(viewArgument()) : player?.pause()));
  onRun((cell) => {
    const stars = place.querySelector(`[data-run="${cell.id}"]`);
    if (stars) updateMarks(stars, cell);
  });
  onKeys("compare", {
    ",": () => player?.step(-1),
    ".": () => player?.step(1),
    Enter: () => player?.toggle(),
  });
  if (currentView() === "compare") open(viewArgument());
}

async function open(runs) {
  if (runs === shown && page) return;
  [shown, page, player] = [runs, null, null];
  stage?.end();
  if (!runs) return choose();
  place.replaceChildren(
    h("section", { class: "wrap" }, h("p", { class: "help" }, "Putting the runs side by side.")),
  );
  await load();
}

async function load() {
  const runs = shown;
  try {
    const fresh = await get("compare", { runs });
    if (runs !== shown) return;
    page = fresh;
    draw();
  } catch (refusal) {
    if (runs === shown) choose(refusal instanceof Refusal ? refusal.message : "This did not work.");
  }
}

const again = debounce(() => currentView() === "compare" && load(), 500);

// Without runs the view teaches how to choose some.
function choose(refusal = "") {
  const box = h("div", { class: "picker" });
  place.replaceChildren(
    h(
      "section",
      { class: "wrap" },
      h("h1", { class: "page-h" }, "Compare runs"),
      refusal && h("p", { class: "pill-note" }, refusal),
      h(
        "p",
        { class: "lead" },
        "Two to four runs side by side, in step to the frame. Choose two here, or press ",
        h("kbd", null, "C"),
        " on a run in the notebook and then on another.",
      ),
      box,
    ),
  );
  drawPicker(box, []);
  showTitle("Compare");
}

// ---- the comparison

function draw() {
  const { runs } = page;
  const numbers = runs.map(({ number }) => number);
  const title =
    runs.length === 2
      ? `Run ${numbers[0]} beside run ${numbers[1]}`
      : `Runs ${numbers.slice(0, -1).join(", ")} and ${numbers.at(-1)}`;
  player = syncPlayer(runs.map(clipOf), {
    onLost: () => Promise.all(runs.map(({ id }) => renew(id))).then(again),
  });
  stage = buildStage(runs.map(captionOf), player.pictures, numbers);
  const head = h("div", { class: "cmp-h" }, h("h1", { class: "page-h", tabindex: -1 }, title), stage.modes);
  const film = h("div", { class: "player" }, stage.element, player.transport);
  for (const picture of player.pictures)
    picture.addEventListener("click", () => stage.mode() !== "wipe" && player.toggle());
  const facts = h("div", { class: "differs" });
  drawFields(facts, page);
  const left = h("div", null, facts, verdict());
  place.replaceChildren(
    h("section", { class: "wrap" }, head, film, tools(), h("div", { class: "under" }, left, drawPaths(page))),
  );
  showTitle(title);
}

function clipOf(run, index) {
  const { media, fps, size, number } = run;
  return {
    src: media.video,
    poster: media.poster,
    frames: page.frames[index],
    fps,
    size,
    label: `Video of run ${number}`,
  };
}

function captionOf(run, index) {
  const without = page.runs.filter(({ id }) => id !== run.id).map(({ id }) => id);
  const seed = run.facts.find(([name]) => name === "Seed")?.[1];
  const out =
    page.runs.length > 2 &&
    button("Take out", () => goTo("compare", without.join(",")), {
      "aria-label": `Take run ${run.number} out of the comparison`,
    });
  return h(
    "figcaption",
    null,
    h(
      "b",
      null,
      h("a", { href: addressOf("run", run.id), "aria-label": `Run ${run.number}` }, String(run.number)),
    ),
    h("span", { class: `key k${index}` }),
    h("span", { class: "what" }, `${run.path}, seed ${seed}`),
    h("span", { class: "end" }, h("span", { "data-run": run.id }, drawStars(run)), out),
  );
}

function tools() {
  const ids = page.runs.map(({ id }) => id);
  const box = h("div", { class: "picker", hidden: true });
  const add = button("Add a run", () => {
    box.hidden = !box.hidden;
    add.setAttribute("aria-expanded", String(!box.hidden));
    if (!box.hidden) drawPicker(box, ids, (cell) => goTo("compare", [...ids, cell.id].join(",")));
  });
  add.setAttribute("aria-expanded", "false");
  add.hidden = ids.length >= MOST;
  const keep = button("Keep in the notebook", () => keepIt(ids));
  return h("div", { class: "cmp-tools" }, h("div", { class: "acts" }, keep, add), box);
}

async function keepIt(runs) {
  const { id, title } = openBook();
  try {
    const { cell } = await post(`books/${id}/cells`, { kind: "compare", runs, above: "" });
    done(`The comparison is now in ${title}`, () => post(`cells/${cell.id}/remove`));
  } catch (refusal) {
    toast(refusal instanceof Refusal ? refusal.message : "This did not work.");
  }
}

// ---- the verdict

function verdict() {
  const better = page.runs.map((run) =>
    h("button", { type: "button", class: "btn", onclick: () => judge(run) }, `${run.number} is better`),
  );
  const close = button("Too close to say", () => judge(null));
  return h(
    "section",
    { class: "verdict", "aria-labelledby": "wb-verdict-h" },
    h("h2", { class: "h3", id: "wb-verdict-h" }, "Which one holds up?"),
    h("div", { class: "verdict-acts" }, ...better, close),
    h(
      "p",
      { class: "help" },
      `Your choice adds a star to the winner and a note to ${page.runs.length === 2 ? "both" : "all"}.`,
    ),
  );
}

async function judge(winner) {
  try {
    const runs = page.runs.map(({ id }) => id);
    const { before } = await post("compare/verdict", { runs, winner: winner?.id ?? null });
    const sentence = winner
      ? `Run ${winner.number} holds up better, say its star and the notes`
      : "The notes say that it is too close to say";
    done(sentence, () => post("compare/undo", { before }));
  } catch (refusal) {
    toast(refusal instanceof Refusal ? refusal.message : "This did not work.");
  }
}
