// Becoming the owner of a shared page, and a visitor again: the key is kept in this browser alone.

import { h, problem } from "./dom.js";
import { enterKey, get } from "./server.js";

const PLAIN = /^[ -~]{1,200}$/; // what a header can carry
const REFUSED = "#/settings/refused"; // where an owner's address leads that is none any more

/**
 * Take the key out of the owner's address, `#owner=…`, before the page asks for anything: it stays in this
 * browser, and not in the address, which people copy.
 */
function takeFromAddress() {
  const [, written] = /^#owner=(.*)$/.exec(location.hash) ?? [];
  if (written === undefined) return false;
  history.replaceState(history.state, "", `${location.pathname}${location.search}#/`);
  const key = plain(written);
  if (PLAIN.test(key)) enterKey(key);
  return true;
}

function plain(written) {
  try {
    return decodeURIComponent(written);
  } catch {
    return ""; // half of a sign: the address was cut off
  }
}

/** See whether the key from the address is the owner's; one that is not is forgotten, with a word. */
async function confirmKey() {
  const { owner } = await get("settings").catch(() => ({ owner: true })); // no answer says nothing of the key
  if (owner) return;
  enterKey("");
  history.replaceState(history.state, "", REFUSED);
  location.reload();
}

if (takeFromAddress()) confirmKey();
addEventListener("hashchange", () => location.hash.startsWith("#owner=") && location.reload());

/** What a visitor sees in place of the settings. */
export function askForKey({ can_own: canOwn }) {
  if (!canOwn)
    return h(
      "div",
      { class: "stranger" },
      h("p", null, "These are the settings of the notebook's owner. This page was started without an owner's key, so nobody is its owner here."),
      h("p", { class: "help" }, "Start it with WANDERBOOK_OWNER_KEY set to words of your own, and enter them here."),
    );
  const field = h("input", { class: "inp", id: "wb-owner-key", type: "password", autocomplete: "current-password", "aria-describedby": "wb-owner-help" });
  const form = h(
    "form",
    { class: "enter", onsubmit: (event) => (event.preventDefault(), enter(field)) },
    h("label", { class: "lab", for: "wb-owner-key" }, "Owner's key"),
    h("div", { class: "line" }, field, h("button", { type: "submit", class: "btn" }, "Enter")),
    location.hash === REFUSED && problem("wb-owner-error", "The address you opened is not the owner's any more. You are here as a visitor."),
  );
  return h(
    "div",
    { class: "stranger" },
    h("p", null, "These are the settings of the notebook's owner. What you make yourself is yours without it."),
    form,
    h("p", { class: "help", id: "wb-owner-help" }, "The key is kept in this browser and sent with what this page asks."),
  );
}

/** For whoever is the owner by a key. */
export function forgetKey() {
  return h(
    "div",
    { class: "forget" },
    h("p", null, "You are the owner in this browser, because the owner's key was entered here."),
    h("button", { type: "button", class: "btn", id: "wb-forget-key", onclick: () => (enterKey(""), location.reload()) }, "Forget the key"),
  );
}

async function enter(field) {
  const key = field.value;
  const form = field.closest("form");
  form.querySelector(".err")?.remove();
  field.removeAttribute("aria-invalid");
  const refuse = (sentence) => {
    enterKey("");
    field.setAttribute("aria-invalid", "true");
    form.append(problem("wb-owner-error", sentence));
    field.focus();
  };
  if (!PLAIN.test(key)) return refuse("This is not the owner's key.");
  try {
    enterKey(key);
    if (!(await get("settings")).owner) return refuse("This is not the owner's key.");
    location.reload(); // every part of the page asks again, as the owner
  } catch (refusal) {
    refuse(refusal.message);
  }
}
