// The family of a run as a tree: from left to right, one picture a run, what was changed on each line.
// Arrow keys walk along it; Enter opens a run, and the keys of a run act on the one that has the focus.

import { acts } from "./acts.js";
import { isMarked, markForCompare, onMarks } from "./comparetray.js";
import { announce, debounce, h, s } from "./dom.js";
import { onRun, runOf } from "./runs.js";
import { get } from "./server.js";
import { addressOf, currentView, showTitle, viewArgument } from "./views.js";

const SPOKEN = { queued: "queued", running: "running", failed: "failed", cancelled: "cancelled" };
const AROUND = 6; // pixels around the drawing, for rings and corners

let place = null;
let shown = ""; // the run the tree on the page was drawn for
let members = new Set();

export function mountFamily({ element }) {
  place = element;
  addEventListener("wb:view", () => currentView() === "family" && open(viewArgument()));
  onRun((cell) => {
    if (currentView() === "family" && (members.has(cell.id) || members.has(cell.relation?.id))) again();
  });
  if (currentView() === "family") open(viewArgument());
}

const again = debounce(() => currentView() === "family" && open(shown), 400);

async function open(id) {
  const fresh = shown !== id;
  shown = id;
  if (fresh) place.replaceChildren(page(h("p", { class: "help" }, "Reading the family.")));
  try {
    const [tree, { run }] = await Promise.all([get(`runs/${id}/family`), get(`runs/${id}`)]);
    if (shown !== id) return;
    members = new Set(tree.nodes.map((node) => node.id));
    showTitle(`Family of run ${run.number}`);
    const focused = place.querySelector(".tree")?.contains(document.activeElement);
    const old = place.querySelector(".tree");
    const drawn = drawFamily(tree, id);
    place.replaceChildren(page(...story(tree, run), drawn));
    if (old) [drawn.scrollLeft, drawn.scrollTop] = [old.scrollLeft, old.scrollTop];
    if (fresh) showCurrent(drawn);
    if (focused) drawn.querySelector("a[tabindex='0']")?.focus({ preventScroll: true });
  } catch (refusal) {
    if (shown === id) place.replaceChildren(page(h("p", { class: "help" }, refusal.message)));
  }
}

function page(...parts) {
  return h("section", { class: "family-page" }, h("h1", { class: "page-h" }, "Family"), ...parts);
}

function story(tree, run) {
  const count = tree.nodes.length;
  const alone = `Run ${run.number} stands alone so far. Remix it, give it a new seed or go on from a frame, and its children appear here.`;
  const keys = " Arrow keys walk along the lines, Enter opens a run, C on two of them compares them.";
  const words = [`${count} runs, from the first on the left.`, h("span", { class: "only-l" }, keys)];
  return [
    h("p", { class: "lead" }, ...(count === 1 ? [alone] : words)),
    h("p", { class: "back" }, h("a", { href: addressOf("run", run.id) }, `Back to run ${run.number}`)),
  ];
}

/** The tree as an element that scrolls; `here` is the run it is drawn for. */
export function drawFamily(tree, here) {
  const [width, height] = [tree.width + 2 * AROUND + 40, tree.height + 2 * AROUND];
  const svg = s("svg", {
    width,
    height,
    viewBox: `${-AROUND} ${-AROUND} ${width} ${height}`,
    role: "group",
    "aria-label": "Family tree",
  });
  const parents = new Set(tree.nodes.map((node) => node.parent));
  svg.append(
    ...tree.edges.flatMap(edgeOf),
    ...tree.nodes.map((node) => nodeOf(node, tree.picture, here, !parents.has(node.id))),
  );
  const box = h("div", { class: "tree" }, svg);
  svg.addEventListener("keydown", (event) => walk(event, tree, svg));
  svg.addEventListener("focusin", ({ target }) => target.matches("a") && makeStop(svg, target));
  const stop = onMarks(() => (svg.isConnected ? showMarks(svg) : stop()));
  showMarks(svg);
  return box;
}

function edgeOf({ d, words, short, x, y }) {
  const text = s("text", { class: "lbl", x, y, "text-anchor": "end" }, short);
  if (short !== words) text.append(s("title", {}, words));
  return [s("path", { class: "edge", d }), text];
}

function nodeOf(node, [width, height], here, isLeaf) {
  const spoken = [
    `Run ${node.number}`,
    node.id === here && "this run",
    SPOKEN[node.state],
    node.deleted && "in the trash",
  ];
  const label = spoken.filter(Boolean).join(", ");
  const clip = `wb-clip-${node.id}`;
  const size = { x: node.x, y: node.y, width, height };
  const image = s("image", {
    ...size,
    href: node.picture,
    preserveAspectRatio: "xMidYMid slice",
    "clip-path": `url(#${clip})`,
  });
  const link = s(
    "a",
    {
      href: addressOf("run", node.id),
      "aria-label": label,
      "data-id": node.id,
      tabindex: node.id === here ? 0 : -1,
    },
    s("title", {}, node.prompt || label),
    s("clipPath", { id: clip }, s("rect", { ...size, rx: 4 })),
    s("rect", { ...size, rx: 4, class: "ground" }),
    image,
    s("rect", { ...size, rx: 4, class: node.id === here ? "fr here" : "fr" }),
    s("text", { x: node.x, y: node.y + height + 15 }, label.replace(/^Run /, "")),
  );
  const group = s("g", { class: node.deleted ? "node gone" : "node" }, link);
  if (node.state === "done") group.append(chooser(node, width));
  if (isLeaf && !node.deleted) group.append(plus(node, width, height));
  return group;
}

// A small box in the picture's corner: two of them open the comparison.
function chooser(node, width) {
  const mark = s(
    "g",
    {
      class: "choose",
      role: "checkbox",
      "aria-checked": "false",
      "aria-label": `Compare run ${node.number}`,
      tabindex: -1,
      "data-choose": node.id,
      transform: `translate(${node.x + width - 22} ${node.y + 4})`,
    },
    s("rect", { width: 18, height: 18, rx: 3 }),
    s("path", { d: "m4.5 9.4 3 3L13.6 6" }),
  );
  mark.addEventListener("click", () => markForCompare(cellFor(node)));
  return mark;
}

function plus(node, width, height) {
  const [x, y] = [node.x + width + 10, node.y + height / 2 - 12];
  const add = s(
    "g",
    {
      class: "plus",
      role: "button",
      tabindex: -1,
      "aria-label": `Remix run ${node.number}`,
      transform: `translate(${x} ${y})`,
    },
    s("title", {}, `Remix run ${node.number}`),
    s("rect", { width: 24, height: 24, rx: 4 }),
    s("path", { d: "M12 7v10M7 12h10" }),
  );
  add.addEventListener("click", () => acts.remix(cellFor(node)));
  return add;
}

function cellFor(node) {
  return runOf(node.id) ?? { id: node.id, number: node.number, state: node.state };
}

function showMarks(svg) {
  for (const mark of svg.querySelectorAll("[data-choose]"))
    mark.setAttribute("aria-checked", String(isMarked(mark.dataset.choose)));
  svg.classList.toggle("choosing", Boolean(svg.querySelector("[aria-checked=true]")));
}

/** Scroll a tree so that the run it is drawn for is in view, without moving the page. */
export function showCurrent(box) {
  const here = box.querySelector(".here");
  if (!here) return;
  box.scrollLeft = Number(here.getAttribute("x")) - box.clientWidth / 2 + 52;
  box.scrollTop = Number(here.getAttribute("y")) - box.clientHeight / 2 + 40;
}

// ---- the keyboard

function makeStop(svg, link) {
  for (const other of svg.querySelectorAll("a[tabindex='0']")) other.setAttribute("tabindex", "-1");
  link.setAttribute("tabindex", "0");
}

function walk(event, tree, svg) {
  const link = event.target.closest("a");
  const node = link && tree.nodes.find(({ id }) => id === link.dataset.id);
  if (!node || event.ctrlKey || event.metaKey || event.altKey) return;
  const goal = neighbour(tree, node, event.key);
  if (!goal) return;
  const target = svg.querySelector(`a[data-id="${goal.id}"]`);
  target.focus({ preventScroll: true });
  target.scrollIntoView({ block: "nearest", inline: "nearest" });
  announce(target.getAttribute("aria-label"));
  event.preventDefault();
  event.stopPropagation();
}

/** The parent to the left, the first child to the right, above and below who stands in the same generation. */
function neighbour(tree, node, key) {
  if (key === "ArrowLeft") return tree.nodes.find(({ id }) => id === node.parent);
  if (key === "ArrowRight") return first(tree.nodes.filter(({ parent }) => parent === node.id));
  const column = tree.nodes.filter(({ x }) => x === node.x).sort((one, other) => one.y - other.y);
  const at = column.indexOf(node);
  if (key === "ArrowUp") return column[at - 1];
  if (key === "ArrowDown") return column[at + 1];
  if (key === "Home") return first(tree.nodes.filter(({ x }) => x === 0));
  return undefined;
}

function first(nodes) {
  return nodes.sort((one, other) => one.y - other.y)[0];
}
