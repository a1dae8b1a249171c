// A run in full: its player, everything that decides it, what became of it, what can be done with it.
// While the run is made the page follows it; once it is done nothing on it changes but marks and checks.

import { acts } from "./acts.js";
import { openBook } from "./books.js";
import { runningActs } from "./cells.js";
import { button, debounce, h, icon } from "./dom.js";
import { drawFamily, showCurrent } from "./family.js";
import { takeMoment } from "./liveplayer.js";
import { drawMarks, updateMarks } from "./marks.js";
import { preview, showPreview, stageList } from "./progress.js";
import { checkList, commandOf, fileList, playChain, sideFacts } from "./runparts.js";
import { mayChange, onRun, renew, runOf } from "./runs.js";
import { get } from "./server.js";
import { shareRun } from "./share.js";
import { syncPlayer } from "./syncplayer.js";
import { usePanel } from "./usepanel.js";
import { onKeys } from "./viewkeys.js";
import { addressOf, currentView, showTitle, viewArgument } from "./views.js";

let place = null;
let shown = ""; // the run on the page
let state = ""; // in which it was drawn
let page = null;
let player = null;
let moved = false; // whether the player was ever moved: until then a run goes on from its last frame

export function mountRun({ element }) {
  place = element;
  addEventListener("wb:view", () => (currentView() === "run" ? open(viewArgument()) : player?.pause()));
  onRun(hear);
  onKeys("run", {
    ",": () => player?.step(-1),
    ".": () => player?.step(1),
    Enter: () => player?.toggle(),
  });
  if (currentView() === "run") open(viewArgument());
}

// ---- reading it, and hearing of it

async function open(id) {
  if (id === shown && page) return void load();
  [shown, page, player] = [id, null, null];
  place.replaceChildren(h("section", { class: "wrap" }, h("p", { class: "help" }, "Opening the run.")));
  await load();
}

async function load() {
  const [id, known] = [shown, runOf(shown)];
  let fresh;
  try {
    fresh = await get(`runs/${id}/page`);
  } catch (refusal) {
    if (id === shown && !page) place.replaceChildren(nothing(refusal.message));
    return;
  }
  if (id !== shown) return;
  // What was changed or heard of while the answer was on its way is newer than the answer.
  if (runOf(id) !== known) fresh.run = runOf(id);
  const same = page && state === fresh.run.state;
  page = fresh;
  if (same) refresh();
  else draw();
}

const again = debounce(() => currentView() === "run" && load(), 300);

function hear(cell) {
  if (!page || currentView() !== "run") return;
  if (cell.relation?.id === shown) return again(); // a child, or what a repetition found
  if (cell.id !== shown) return;
  if (cell.state !== state) return again();
  page.run = cell;
  updateMarks(place, cell);
  if (cell.state !== "running") return;
  place.querySelector(".stages")?.replaceWith(stageList(cell));
  place.querySelector(".now-words").textContent = cell.status.title;
  showPreview(place.querySelector(".shows .pic"), cell);
}

/** What may change of a finished run: its marks, its family, its checks. */
function refresh() {
  updateMarks(place, page.run);
  place.querySelector(".checks").replaceChildren(...checkList(page));
  drawKin();
}

function nothing(sentence) {
  return h(
    "section",
    { class: "wrap" },
    h("h1", { class: "page-h" }, "No such run"),
    h("p", { class: "lead" }, sentence),
    h("p", null, h("a", { href: addressOf("notebook") }, "To the notebook")),
  );
}

// ---- drawing it

function draw() {
  const { run } = page;
  state = run.state;
  const focused = place.contains(document.activeElement) && document.activeElement.getAttribute("aria-label");
  const done = state === "done";
  player = done ? filmOf(run) : null;
  moved = false;
  const marks = done ? drawMarks(run) : null;
  const title = h(
    "h1",
    { class: run.prompt ? "run-title" : "run-title sub", tabindex: -1 },
    run.prompt || "No prompt",
  );
  const main = h(
    "div",
    { class: "run-main" },
    h("div", { class: "shows" }, done ? screen(player) : picture(run)),
    h("div", { class: "run-t" }, title, marks?.querySelector(".stars")),
    done ? null : standing(run),
    h("div", { class: "acts" }, ...actsOf(run)),
    h("div", { class: "checks", "aria-live": "polite" }, ...checkList(page)),
    marks,
    h("section", { class: "sec kin" }),
    done && fileList(page, () => player),
    commandOf(page),
  );
  const side = h(
    "aside",
    { class: "side", "aria-label": "Recipe" },
    usePanel(run, page.holds),
    ...sideFacts(page),
  );
  place.replaceChildren(h("section", { class: "wrap" }, crumb(run), h("div", { class: "run" }, main, side)));
  drawKin();
  if (done) goOnWatching(run);
  showTitle(`Run ${run.number}`);
  if (focused) place.querySelector(`[aria-label="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}

/** Whoever watched it being made goes on where they were. */
function goOnWatching(run) {
  const moment = takeMoment(run.id);
  if (!moment) return;
  player.seek(Math.floor(moment.time * run.fps));
  if (moment.playing) player.toggle();
}

function crumb(run) {
  const book = openBook();
  return h(
    "nav",
    { class: "crumb", "aria-label": "Where this run is" },
    h("a", { href: addressOf("notebook") }, book.title),
    icon("chevron"),
    h("span", null, `Run ${run.number}`),
    run.deleted && h("span", { class: "gone" }, "in the trash"),
  );
}

function filmOf(run) {
  const label = `Video of run ${run.number}${run.prompt ? `: ${run.prompt}` : ""}`;
  const clip = {
    src: run.media.video,
    poster: run.media.poster,
    frames: page.frames,
    fps: run.fps,
    size: run.size,
    label,
  };
  return syncPlayer([clip], { onLost: () => renew(run.id).then(again), onFrame: nameFrame });
}

function screen({ pictures: [picture], transport }) {
  picture.addEventListener("click", () => player.toggle());
  return h("div", { class: "player" }, picture, transport);
}

function nameFrame(frame) {
  moved = true;
  const act = place.querySelector(".go-on");
  if (act) act.textContent = `Continue from frame ${frame + 1}`;
  const words = place.querySelector(".frame-name");
  if (words) words.textContent = `wanderbook-${page.run.number}-frame-${frame + 1}.png`;
}

function picture(run) {
  if (run.state === "running") return preview(run);
  const ratio = run.size[0] ? `aspect-ratio:${run.size[0]}/${run.size[1]}` : null;
  const image = h("img", { src: run.media.first_frame, alt: `First frame of run ${run.number}` });
  return h("div", { class: "pic big", style: ratio }, image);
}

/** What a run that is not done is waiting for, and why it failed. */
function standing(run) {
  const { title, text, detail } = run.status;
  const running = run.state === "running";
  return h(
    "div",
    { class: "standing" },
    h(
      "p",
      { class: run.state === "failed" ? "state bad" : "state" },
      running && h("span", { class: "dot" }),
      h("span", { class: "now-words" }, title),
    ),
    text && h("p", { class: "text" }, text),
    running ? stageList(run) : h("p", { class: "small sub" }, detail),
  );
}

function actsOf(run) {
  const mine = mayChange(run);
  const act = (label, way) => button(label, () => acts[way](page.run));
  const remix = act("Remix", "remix");
  if (run.state === "running") return [runningActs(run, acts)];
  if (run.state === "queued") return [mine && act("Edit", "edit"), mine && act("Remove", "cancel"), remix];
  if (run.state !== "done")
    return [
      mine && run.smaller && act(`Try ${run.smaller}`, "smaller"),
      mine && act("Run again", "retry"),
      run.state === "failed" && mine && act("Log", "log"),
      remix,
    ];
  const goOn = button(
    "Continue from the last frame",
    () => acts.continueFrom(page.run, moved ? player.frame() : null),
    {
      class: "btn quiet go-on",
    },
  );
  const { relation } = run;
  const beside =
    relation?.id &&
    h(
      "a",
      { class: "btn quiet", href: addressOf("compare", `${relation.id},${run.id}`) },
      `Compare with ${relation.number}`,
    );
  return [
    remix,
    act("New seed", "reseed"),
    act("Change path", "changePath"),
    goOn,
    beside || act("Compare", "compare"),
    act("Reproduce", "reproduce"),
    mine && button("Share…", () => shareRun(page.run)),
    page.chain && playChain(page, place, () => player, open),
  ];
}

function drawKin() {
  const section = place.querySelector(".kin");
  const head = h("h2", { class: "h3" }, "Family");
  if (page.kin < 2) {
    const words =
      "No other run comes from this one yet. A remix, a new seed or a run that goes on from here appears beside it.";
    return section.replaceChildren(head, h("p", { class: "help" }, words));
  }
  const open = h("a", { href: addressOf("family", shown) }, `All ${page.kin} runs on a page of their own`);
  const drawn = drawFamily(page.tree, shown);
  section.replaceChildren(head, drawn, h("p", { class: "help" }, open));
  showCurrent(drawn);
}
