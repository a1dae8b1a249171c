// A word from the browser when a run ends: only if it was asked for here, and only while the page is hidden.

import { h } from "./dom.js";
import { isMine, isOwner, onRun } from "./runs.js";

const SWITCH = "wanderbook.notify";
const WORDS = { done: "is done", failed: "has failed" };

let wanted = false;

function remembered() {
  try {
    return localStorage.getItem(SWITCH) === "on";
  } catch {
    return false;
  }
}

function remember(on) {
  wanted = on;
  try {
    localStorage.setItem(SWITCH, on ? "on" : "off");
  } catch {
    // storage is blocked: the wish lives as long as the page
  }
}

/** The button that turns it on and off; it is not there where the browser cannot do it. */
export function notifyButton() {
  if (!("Notification" in window) || !isSecureContext) return null;
  wanted = remembered() && Notification.permission === "granted";
  const toggle = h(
    "button",
    { type: "button", class: "btn quiet", "aria-pressed": "false" },
    "Tell me when a run ends",
  );
  const show = () => {
    toggle.setAttribute("aria-pressed", String(wanted));
    toggle.textContent = wanted ? "You are told when a run ends" : "Tell me when a run ends";
    const denied = Notification.permission === "denied";
    toggle.disabled = denied;
    toggle.title = denied ? "This browser does not let the page show notifications." : "";
  };
  toggle.addEventListener("click", async () => {
    remember(!wanted && (await Notification.requestPermission()) === "granted");
    show();
  });
  onRun(hear);
  show();
  return toggle;
}

function hear(cell, before) {
  const ended = WORDS[cell.state] && before && before.state !== cell.state;
  if (!ended || !wanted || !document.hidden || !(isOwner() || isMine(cell))) return;
  const note = new Notification(`Run ${cell.number} ${WORDS[cell.state]}`, {
    body: cell.prompt || cell.path,
    icon: cell.media.poster || cell.media.first_frame,
    tag: cell.id,
  });
  note.addEventListener("click", () => {
    window.focus();
    location.hash = `#run-${cell.id}`;
  });
}
