// The cell of a sweep: one tile for each run, in rows and columns by what differs, filled in as results arrive.

import { acts } from "./acts.js";
import { h } from "./dom.js";
import { watchHover } from "./hovervideo.js";
import { runOf } from "./runs.js";
import { addressOf } from "./views.js";

export { openSweep } from "./sweepdialog.js";

const WORDS = { queued: "Waits", running: "Is made", failed: "Failed", cancelled: "Cancelled" };

/** Draw a sweep into `place`, which gets `update(thin)`: true where it brought everything up to date. */
export function drawSweep(thin, place) {
  const sweep = { thin, tiles: new Map(), summary: h("p", { class: "sweep-sum" }), key: keyOf(thin) };
  const grids = groups(thin).map((group) => drawGroup(sweep, group));
  const prompt = thin.content.prompts.length === 1 && thin.content.prompts[0];
  place.classList.add("sweep");
  place.replaceChildren(
    h("div", { class: "sweep-h" }, h("h2", null, "Sweep"), sweep.summary),
    prompt ? h("p", { class: "prompt" }, prompt) : "",
    ...grids,
    h("p", { class: "help" }, "Enter opens a run, 5 keeps it, X discards it."),
  );
  place.addEventListener("keydown", (event) => walk(event, sweep));
  watchHover(place, (element) => runOf(element.dataset.run)?.media.hover ?? "");
  place.update = (fresh) => {
    if (keyOf(fresh) !== sweep.key) return false;
    sweep.thin = fresh;
    for (const id of fresh.runs) updateTile(sweep, id);
    summarise(sweep);
    return true;
  };
  summarise(sweep);
  return place;
}

// What the rows and columns hang on; a run that is heard of later may name its path.
function keyOf({ runs, content }) {
  const known = runs.map((id) => Boolean(runOf(id)));
  return JSON.stringify([runs, known, content.seeds, content.paths, content.prompts]);
}

// ---- rows and columns

// Runs come prompt by prompt, then path by path, then seed by seed. One thing that differs is a line that
// wraps, two are rows and columns, three are rows and columns for each prompt.
function groups({ runs, content: { seeds, paths, prompts } }) {
  const run = (prompt, path, seed) => runs[(prompt * paths.length + path) * seeds.length + seed];
  const indices = (list) => [...list.keys()];
  const path = (at) => runOf(run(0, at, 0))?.path ?? `Path ${at + 1}`;
  const seed = (at) => `Seed ${seeds[at]}`;
  const matrix = (rows, columns, words = "") => ({ rows, columns, words });
  const several = [prompts, paths, seeds].filter((list) => list.length > 1);
  if (several.length < 2) {
    const word = { [seeds.length]: seed, [paths.length]: path, [prompts.length]: (at) => prompts[at] }[runs.length];
    const tiles = runs.map((id, at) => ({ id, words: runs.length > 1 ? word(at) : "" }));
    return [matrix([{ words: "", tiles }], [])];
  }
  if (paths.length > 1 && seeds.length > 1) {
    const tiles = (p, a) => indices(seeds).map((at) => ({ id: run(p, a, at) }));
    const rows = (p) => indices(paths).map((a) => ({ words: path(a), tiles: tiles(p, a) }));
    const title = (p) => (prompts.length > 1 ? prompts[p] : "");
    return indices(prompts).map((p) => matrix(rows(p), indices(seeds).map(seed), title(p)));
  }
  const tile = (p, at) => ({ id: seeds.length > 1 ? run(p, 0, at) : run(p, at, 0) });
  const across = indices(seeds.length > 1 ? seeds : paths);
  const rows = prompts.map((words, p) => ({ words, typed: true, tiles: across.map((at) => tile(p, at)) }));
  return [matrix(rows, across.map(seeds.length > 1 ? seed : path))];
}

function drawGroup(sweep, { words, columns, rows }) {
  const several = columns.length > 0;
  const heads = columns.map((column) => h("span", { class: "col-h" }, column));
  const lines = rows.flatMap((row) => [
    several && h("span", { class: row.typed ? "row-h typed" : "row-h" }, row.words),
    ...row.tiles.map((tile) => drawTile(sweep, tile)),
  ]);
  const shape = several
    ? { class: "sweep-grid", style: `--columns:${columns.length}` }
    : { class: "sweep-flow" };
  const grid = h("div", shape, several && h("span", { class: "corner" }), ...heads, ...lines);
  const title = words && h("p", { class: "prompt" }, words);
  return h("div", { class: "sweep-group" }, title || null, h("div", { class: "sweep-scroll" }, grid));
}

// ---- tiles

function drawTile(sweep, { id, words = "" }) {
  const tabindex = sweep.tiles.size ? -1 : 0;
  const link = h("a", { class: "tile card", href: addressOf("run", id), "data-run": id, tabindex });
  sweep.tiles.set(id, { link, words, drawn: "" });
  link.addEventListener("focus", () => rove(sweep, link));
  updateTile(sweep, id);
  return link;
}

function updateTile(sweep, id) {
  const tile = sweep.tiles.get(id);
  const cell = runOf(id);
  const { picture, first } = picturesOf(cell);
  const state = stateOf(cell);
  const key = JSON.stringify([picture, first, state, cell?.rating, cell?.number, cell?.state]);
  if (key === tile.drawn) return;
  tile.drawn = key;
  const src = picture || first;
  const image = src && h("img", { src, alt: "", loading: "lazy", class: picture ? null : "waits" });
  if (image) image.addEventListener("error", () => acts.lost(cell), { once: true });
  tile.link.dataset.state = cell?.deleted ? "trash" : (cell?.state ?? "");
  tile.link.setAttribute("aria-label", spoken(cell, tile.words, state));
  const ratio = cell?.size[0] ? `aspect-ratio:${cell.size[0]}/${cell.size[1]}` : null;
  const said = state && h("span", { class: "rough" }, state);
  const number = cell && h("b", null, String(cell.number));
  const words = tile.words && h("span", null, tile.words);
  tile.link.replaceChildren(
    h("span", { class: "pic", style: ratio }, image || null, said || null, stars(cell)),
    h("span", { class: "t" }, number, words || null),
  );
}

// The rough preview while a run is made, then its poster; the first frame, pale, until there is either.
function picturesOf(cell) {
  if (!cell) return {};
  const { preview, thumb, poster, first_frame: first } = cell.media;
  return { picture: cell.state === "running" ? preview : thumb || poster, first };
}

function stateOf(cell) {
  if (!cell) return "";
  if (cell.deleted) return "In the trash";
  return WORDS[cell.state] ?? "";
}

function stars(cell) {
  return cell?.rating ? h("span", { class: "stamp", "aria-hidden": "true" }, "★".repeat(cell.rating)) : null;
}

function spoken(cell, words, state) {
  if (!cell) return words || "A run";
  const rating = cell.rating ? `, ${cell.rating} of 5 stars` : "";
  const how = state ? `, ${state.toLowerCase()}` : "";
  return `Run ${cell.number}, ${cell.path}, seed ${seedOf(cell)}${how}${rating}`;
}

function seedOf(cell) {
  return cell.facts.find(([name]) => name === "Seed")?.[1] ?? "";
}

function summarise(sweep) {
  const cells = sweep.thin.runs.map(runOf);
  const count = (state) => cells.filter((cell) => cell?.state === state).length;
  const { seeds, paths, prompts } = sweep.thin.content;
  const factors = Object.entries({ seeds, paths, prompts }).filter(([, values]) => values.length > 1);
  const what = factors.map(([noun, values]) => `${values.length} ${noun}`).join(" × ");
  const [all, done, failed] = [cells.length, count("done"), count("failed")];
  const how = done === all ? `${all} runs` : `${done} of ${all} runs done`;
  const words = [what, failed ? `${how}, ${failed} failed` : how].filter(Boolean).join(", ");
  if (sweep.summary.textContent !== words) sweep.summary.textContent = words;
}

// ---- one tab stop; the arrows move by what is seen

function rove(sweep, link) {
  for (const { link: one } of sweep.tiles.values()) one.tabIndex = one === link ? 0 : -1;
}

function walk(event, sweep) {
  const tiles = [...sweep.tiles.values()].map(({ link }) => link);
  const now = tiles.indexOf(document.activeElement);
  if (now < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
  const goals = {
    ArrowRight: () => tiles[now + 1],
    ArrowLeft: () => tiles[now - 1],
    ArrowDown: () => nearest(tiles, tiles[now], 1),
    ArrowUp: () => nearest(tiles, tiles[now], -1),
    Home: () => tiles[0],
    End: () => tiles.at(-1),
  };
  const goal = goals[event.key]?.();
  if (!goal) return;
  event.preventDefault();
  goal.focus();
}

// The tile of the next line that stands closest below or above.
function nearest(tiles, from, down) {
  const at = from.getBoundingClientRect();
  const far = (one) => one.getBoundingClientRect();
  const beyond = tiles.filter((one) => (far(one).top - at.top) * down > at.height / 2);
  if (!beyond.length) return null;
  return beyond.reduce((best, one) => (gap(far(one), at) < gap(far(best), at) ? one : best));
}

function gap(one, other) {
  return Math.abs(one.top - other.top) * 10 + Math.abs(one.left - other.left);
}
