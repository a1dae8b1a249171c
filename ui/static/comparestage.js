// The pictures of a comparison and how they stand: side by side, or one on the other with a wipe, a blink, or what
// differs between them. The videos themselves are never moved, so they play on when the mode changes.

import { announce, button, calm, h } from "./dom.js";

const MODES = [
  ["side", "Side by side"],
  ["wipe", "Wipe"],
  ["blink", "Blink"],
  ["difference", "Difference"],
];
const BLINK_MS = 700;
const STEP = 2; // percent that an arrow key moves the wipe

let groups = 0;

/** `captions` and `pictures` of each run in order; gives the element, the switch of modes, and how to end it. */
export function buildStage(captions, pictures, numbers) {
  const state = { mode: "side", over: 1, front: 0, at: 50, held: calm(), timer: 0, numbers };
  state.figures = pictures.map((picture, index) => h("figure", null, captions[index], picture));
  state.handle = h("div", {
    class: "wipe-handle",
    role: "slider",
    tabindex: 0,
    "aria-valuemin": "0",
    "aria-valuemax": "100",
    "aria-orientation": "horizontal",
  });
  state.wipe = h("div", { class: "wipe" }, state.handle);
  state.stamp = h("span", { class: "stamp" });
  state.box = h(
    "div",
    { class: "cmp", "data-count": String(pictures.length) },
    ...state.figures,
    state.wipe,
    state.stamp,
  );
  state.note = h("div", { class: "cmp-note" });
  listen(state);
  show(state);
  return {
    element: h("div", { class: "stage" }, state.box, state.note),
    modes: switchOf(state),
    mode: () => state.mode,
    end: () => clearInterval(state.timer),
  };
}

function switchOf(state) {
  const name = `wb-compare-${++groups}`;
  const choice = ([mode, title]) => {
    const input = h("input", { type: "radio", name, value: mode });
    input.checked = mode === state.mode;
    input.addEventListener("change", () => {
      state.mode = mode;
      show(state);
    });
    return h("label", null, input, h("span", null, title));
  };
  return h("div", { class: "seg", role: "radiogroup", "aria-label": "How to compare" }, ...MODES.map(choice));
}

function show(state) {
  clearInterval(state.timer);
  state.box.dataset.mode = state.mode;
  state.figures.forEach((figure, index) => {
    const role =
      state.mode === "side" || state.mode === "blink"
        ? ""
        : index === 0
          ? "under"
          : index === state.over
            ? "over"
            : "out";
    figure.dataset.role = role;
  });
  state.wipe.hidden = state.mode !== "wipe";
  state.stamp.hidden = state.mode !== "blink";
  if (state.mode === "blink") blink(state);
  moveWipe(state, state.at);
  drawNote(state);
}

/** What the mode shows, and what can be changed about it. */
function drawNote(state) {
  const [first, second] = [state.numbers[0], state.numbers[state.over]];
  const others = state.numbers.length > 2 && state.mode !== "blink" && pairButtons(state);
  const words = {
    side: "",
    wipe: `Left of the line is run ${first}, right of it run ${second}. Drag the line, or move it with the arrow keys.`,
    blink: "The runs take turns in the same place: what jumps is what differs.",
    difference: `Black where run ${first} and run ${second} agree; what differs is shown three times as bright.`,
  }[state.mode];
  const hold = state.mode === "blink" && [
    button(state.held ? "Blink" : "Hold", () => {
      state.held = !state.held;
      show(state);
    }),
    button("Show the next", () => turn(state)),
  ];
  state.note.replaceChildren(
    ...(words ? [h("p", { class: "help" }, words)] : []),
    ...[others, hold].flat().filter(Boolean),
  );
}

function pairButtons(state) {
  if (state.mode === "side") return false;
  return state.numbers.slice(1).map((number, index) =>
    button(
      `With ${number}`,
      () => {
        state.over = index + 1;
        show(state);
      },
      { "aria-pressed": String(state.over === index + 1) },
    ),
  );
}

// ---- blink

function blink(state) {
  face(state);
  if (state.held) return;
  state.timer = setInterval(() => {
    if (!state.box.isConnected) return clearInterval(state.timer);
    state.front = (state.front + 1) % state.figures.length;
    face(state);
  }, BLINK_MS);
}

function turn(state) {
  state.held = true;
  state.front = (state.front + 1) % state.figures.length;
  show(state);
  announce(`Run ${state.numbers[state.front]} is shown.`);
}

function face(state) {
  state.figures.forEach((figure, index) => (figure.dataset.role = index === state.front ? "front" : "out"));
  state.stamp.textContent = `Run ${state.numbers[state.front]}`;
}

// ---- wipe

function moveWipe(state, percent) {
  state.at = Math.min(Math.max(percent, 0), 100);
  state.box.style.setProperty("--wipe", `${state.at}%`);
  const [first, second] = [state.numbers[0], state.numbers[state.over]];
  state.handle.setAttribute("aria-label", `Where run ${first} ends and run ${second} begins`);
  state.handle.setAttribute("aria-valuenow", String(Math.round(state.at)));
}

function listen(state) {
  const follow = (event) => {
    const { left, width } = state.wipe.getBoundingClientRect();
    moveWipe(state, ((event.clientX - left) / width) * 100);
  };
  state.wipe.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    state.wipe.setPointerCapture(event.pointerId);
    state.handle.focus({ preventScroll: true });
    follow(event);
  });
  state.wipe.addEventListener(
    "pointermove",
    (event) => state.wipe.hasPointerCapture(event.pointerId) && follow(event),
  );
  state.handle.addEventListener("keydown", (event) => {
    const goal = { ArrowLeft: state.at - STEP, ArrowRight: state.at + STEP, Home: 0, End: 100 }[event.key];
    if (goal === undefined) return;
    event.preventDefault();
    moveWipe(state, goal);
  });
}
