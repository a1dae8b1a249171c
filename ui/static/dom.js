// Small hands for the page's own elements. Text only ever goes in as text: no string is parsed as HTML.

const SVG = "http://www.w3.org/2000/svg";

const ICONS = {
  play: "M5 3.2v9.6L12.6 8z",
  pause: "M5 3.4h2v9.2H5zM9 3.4h2v9.2H9z",
  check: "m3 8.5 3.2 3.2L13 4.8",
  close: "m4 4 8 8M12 4l-8 8",
  dice: "M5 2.8h6A2.2 2.2 0 0 1 13.2 5v6a2.2 2.2 0 0 1-2.2 2.2H5A2.2 2.2 0 0 1 2.8 11V5A2.2 2.2 0 0 1 5 2.8ZM5.8 5.8v.1M10.2 10.2v.1M10.2 5.8v.1M5.8 10.2v.1",
  lock: "M4.8 7.2h6.4a1.2 1.2 0 0 1 1.2 1.2V12a1.2 1.2 0 0 1-1.2 1.2H4.8A1.2 1.2 0 0 1 3.6 12V8.4a1.2 1.2 0 0 1 1.2-1.2ZM5.4 7.2V5.4a2.6 2.6 0 0 1 5.2 0v1.8",
  warn: "M8 2.4a5.6 5.6 0 1 1 0 11.2A5.6 5.6 0 0 1 8 2.4ZM8 5.2v3.4M8 10.8v.1",
  help: "M8 2.4a5.6 5.6 0 1 1 0 11.2A5.6 5.6 0 0 1 8 2.4ZM6.4 6.4A1.7 1.7 0 0 1 8 5.2c1 0 1.7.7 1.7 1.5 0 1.2-1.7 1.3-1.7 2.4M8 11v.1",
  menu: "M2.5 4.5h11M2.5 8h11M2.5 11.5h11",
  search: "M7 2.8a4.2 4.2 0 1 1 0 8.4A4.2 4.2 0 0 1 7 2.8ZM10.2 10.2l3.3 3.3",
  more: "M3.5 8h.1M8 8h.1M12.5 8h.1",
  grip: "M6 4v.1M6 8v.1M6 12v.1M10 4v.1M10 8v.1M10 12v.1",
  star: "m8 2.4 1.7 3.6 3.9.5-2.9 2.7.8 3.9L8 11.2l-3.5 1.9.8-3.9L2.4 6.5l3.9-.5z",
  plus: "M8 3v10M3 8h10",
  list: "M5.5 4h8M5.5 8h8M5.5 12h8M2.5 4h.1M2.5 8h.1M2.5 12h.1",
  down: "m3.8 6 4.2 4.2L12.2 6",
  fold: "m4 9.8 4-4 4 4",
  prev: "M5 4v8M12 4 7.4 8l4.6 4z",
  next: "M11 4v8M4 4l4.6 4L4 12z",
  loop: "M12.8 6.4A5 5 0 0 0 3.6 5M3.2 9.6a5 5 0 0 0 9.2 1.4M3.4 2.6V5h2.4M12.6 13.4V11h-2.4",
  expand: "M9.6 2.8h3.6v3.6M6.4 13.2H2.8V9.6M13.2 2.8 9.2 6.8M2.8 13.2l4-4",
  file: "M9 2.4H5.2A1.2 1.2 0 0 0 4 3.6v8.8a1.2 1.2 0 0 0 1.2 1.2h5.6a1.2 1.2 0 0 0 1.2-1.2v-7ZM9 2.4v3h3M8 11.2V7.6M6.4 9 8 7.4 9.6 9",
  chevron: "m6 3.8 4.2 4.2L6 12.2",
  image:
    "M3.6 3h8.8a1.4 1.4 0 0 1 1.4 1.4v7.2a1.4 1.4 0 0 1-1.4 1.4H3.6a1.4 1.4 0 0 1-1.4-1.4V4.4A1.4 1.4 0 0 1 3.6 3Zm-1 8.4 3.3-3.2 2.4 2.3 1.9-1.8 3.2 2.9M10.6 6.1v.1",
};
const FILLED = new Set(["play", "pause"]);
const DOTS = new Set(["more", "grip"]);

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "class") node.setAttribute("class", value);
    else if (name in node && typeof value !== "string") node[name] = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** An HTML element: h("p", {class: "help"}, "Text", otherElement). */
export function h(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** An SVG element. */
export function s(tag, attributes, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes ?? {})) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** One of the drawn 16 px icons; the word beside it, or the button's label, says what it means. */
export function icon(name) {
  const kind = FILLED.has(name) ? "ic fill" : DOTS.has(name) ? "ic dots" : "ic";
  return s(
    "svg",
    { class: kind, viewBox: "0 0 16 16", "aria-hidden": "true" },
    s("path", { d: ICONS[name] }),
  );
}

/** A sentence that says what is wrong, placed below the field it belongs to. */
export function problem(id, message, ...more) {
  return h("p", { class: "err", id, role: "alert" }, icon("warn"), h("span", null, message, ...more));
}

/** A quiet button of the page. */
export function button(label, onclick, attributes) {
  return h("button", { type: "button", class: "btn quiet", onclick, ...attributes }, label);
}

/** Say something to screen readers without moving the focus. */
export function announce(sentence) {
  const region = document.getElementById("wb-announce");
  if (region) region.textContent = sentence;
}

/** Whether the person asked the system for less motion. */
export function calm() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

/** Call `action` once things have been quiet for `milliseconds`. */
export function debounce(action, milliseconds) {
  let timer = 0;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => action(...values), milliseconds);
  };
}

/** Put a new element in the place of an old one; the focus stays on the button of the same name. */
export function swap(old, fresh) {
  const focused = old.contains(document.activeElement) && document.activeElement.getAttribute("aria-label");
  old.replaceWith(fresh);
  if (focused)
    [...fresh.querySelectorAll("[aria-label]")]
      .find((one) => one.getAttribute("aria-label") === focused)
      ?.focus();
}
