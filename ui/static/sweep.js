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

function keyOf({ runs, content }) {
  return JSON.stringify([runs, content.seeds, content.paths, content.prompts]);
}

// ---- rows and columns

// Runs come prompt by prompt, then path by path, then seed by seed. One thing that differs is a row that wraps,
// two are rows and columns, three are rows and columns for each prompt.
function groups({ runs, content: { seeds, paths, prompts } }) {
  const of = (prompt, path, seed) => runs[(prompt * paths.length + path) * seeds.length + seed];
  const path = (at) => runOf(of(0, at, 0))?.path ?? `Path ${at + 1}`;
  const seed = (at) => `Seed ${seeds[at]}`;
  const [P, A, S] = [prompts.length, paths.length, seeds.length].map((n) => [...Array(n).keys()]);
  const several = [P, A, S].filter((one) => one.length > 1).length;
  if (several < 2) return [{ columns: [], rows: [{ words: "", tiles: runs.map((id, at) => ({ id, words: single({ at, seeds, paths, prompts, path, seed }) })) }] }];
  if (A.length > 1 && S.length > 1)
    return P.map((p) => ({
      words: P.length > 1 ? prompts[p] : "",
      columns: S.map(seed),
      rows: A.map((a) => ({ words: path(a), tiles: S.map((s) => ({ id: of(p, a, s) })) })),
    }));
  const across = S.length > 1 ? S : A;
  const one = { columns: across.map(S.length > 1 ? seed : path) };
  return [{ ...one, rows: P.map((p) => ({ words: prompts[p], tiles: across.map((at) => ({ id: S.length > 1 ? of(p, 0, at) : of(p, at, 0) })) })) }];
}

function single({ at, seeds, paths, prompts, path, seed }) {
  if (seeds.length > 1) return seed(at);
  if (paths.length > 1) return path(at);
  return prompts.length > 1 ? prompts[at] : "";
}

function drawGroup(sweep, { words = "", columns, rows }) {
  const head = columns.length ? [h("span", { class: "corner" }), ...columns.map((column) => h("span", { class: "col-h" }, column))] : [];
  const cells = rows.flatMap(({ words: row, tiles }) => [
    columns.length ? h("span", { class: "row-h" }, row) : null,
    ...tiles.map((tile) => drawTile(sweep, tile)),
  ]);
  const grid = h(
    "div",
    { class: columns.length ? "sweep-grid" : "sweep-flow", style: columns.length ? `--columns:${columns.length}` : null },
    ...head,
    ...cells,
  );
  return h("div", { class: "sweep-group" }, words ? h("p", { class: "prompt" }, words) : null, h("div", { class: "sweep-scroll" }, grid));
}

// ---- tiles

function drawTile(sweep, { id, words = "" }) {
  const link = h("a", { class: "tile card", href: addressOf("run", id), "data-run": id, tabindex: sweep.tiles.size ? -1 : 0 });
  sweep.tiles.set(id, { link, words, drawn: "" });
  link.addEventListener("focus", () => rove(sweep, link));
  updateTile(sweep, id);
  return link;
}

function updateTile(sweep, id) {
  const tile = sweep.tiles.get(id);
  const cell = runOf(id);
  const picture = cell && (cell.state === "running" ? cell.media.preview : cell.media.thumb || cell.media.poster);
  const state = !cell ? "" : cell.deleted ? "In the trash" : cell.state === "running" ? cell.rough.replace("Rough preview, s", "S") || "Is made" : (WORDS[cell.state] ?? "");
  const key = JSON.stringify([picture, state, cell?.rating, cell?.number, cell?.state]);
  if (key === tile.drawn) return;
  tile.drawn = key;
  const src = picture || cell?.media.first_frame;
  const image = src && h("img", { src, alt: "", loading: "lazy", class: picture ? null : "waits" });
  image?.addEventListener("error", () => acts.lost(cell), { once: true });
  tile.link.dataset.state = cell?.deleted ? "trash" : (cell?.state ?? "");
  tile.link.setAttribute("aria-label", spoken(cell, tile.words, state));
  const ratio = cell?.size[0] ? `aspect-ratio:${cell.size[0]}/${cell.size[1]}` : null;
  const caption = tile.words || (cell ? "" : "…");
  tile.link.replaceChildren(
    h("span", { class: "pic", style: ratio }, image, state && h("span", { class: "rough" }, state), stars(cell)),
    h("span", { class: "t" }, cell && h("b", null, String(cell.number)), caption && h("span", null, caption)),
  );
}

function stars(cell) {
  return cell?.rating ? h("span", { class: "stamp", "aria-hidden": "true" }, "★".repeat(cell.rating)) : null;
}

function spoken(cell, words, state) {
  if (!cell) return words || "A run";
  const rating = cell.rating ? `, ${cell.rating} of 5 stars` : "";
  return `Run ${cell.number}, ${cell.path}, seed ${seedOf(cell)}${state ? `, ${state.toLowerCase()}` : ""}${rating}`;
}

function seedOf(cell) {
  return cell.facts.find(([name]) => name === "Seed")?.[1] ?? "";
}

function summarise(sweep) {
  const cells = sweep.thin.runs.map(runOf);
  const count = (state) => cells.filter((cell) => cell?.state === state).length;
  const { seeds, paths, prompts } = sweep.thin.content;
  const differs = [[seeds, "seeds"], [paths, "paths"], [prompts, "prompts"]].filter(([all]) => all.length > 1);
  const what = differs.map(([all, noun]) => `${all.length} ${noun}`).join(" × ");
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
  const goal = { ArrowRight: tiles[now + 1], ArrowLeft: tiles[now - 1], Home: tiles[0], End: tiles.at(-1) }[event.key] ??
    ({ ArrowDown: 1, ArrowUp: -1 }[event.key] && nearest(tiles, tiles[now], event.key === "ArrowDown" ? 1 : -1));
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
