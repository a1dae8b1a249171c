// The settings page: where things are kept, what takes room, what the queue does by itself, a bug report.
// Every figure and every sentence about one comes from the server; the owner alone gets any.

import { copyButton } from "./copytext.js";
import { announce, button, h, problem } from "./dom.js";
import { askForKey, forgetKey } from "./ownerkey.js";
import { get, post } from "./server.js";
import { modelList } from "./settingsmodels.js";
import { allLinks } from "./share.js";

const HEADINGS = { kept: "Kept", caches: "Caches", passing: "Comes and goes" };
const LEADS = {
  kept: "",
  caches: "What was worked out once is kept up to a size. Beyond it goes what was unused longest, with the next run.",
  passing: "",
};

let place = null;

export function mountSettings({ element }) {
  place = element;
  element.replaceChildren(frame("Settings", h("p", { class: "lead" }, "Counting what there is…")));
  addEventListener("wb:view", (event) => event.detail === "settings" && load());
  if (document.body.dataset.wbView === "settings") load();
}

/** Ask for the figures anew and draw the page; what is typed into a field just now is left alone. */
async function load() {
  try {
    const page = await get("settings");
    if (place.querySelector(".ask, input:focus")) return;
    draw(page);
    if (page.owner) showReport((await get("settings/diagnostics")).text);
  } catch (refusal) {
    place.replaceChildren(frame("Settings", problem("wb-settings-error", refusal.message)));
  }
}

function draw(page) {
  const focused = place.contains(document.activeElement) && document.activeElement.id;
  place.replaceChildren(page.owner ? frame("Settings", ...ownersPage(page)) : frame("Settings", askForKey(page), part("Your links", "links", allLinks())));
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
}

function frame(title, ...content) {
  const heading = h("h1", { class: "page-h", id: "wb-settings-h", tabindex: "-1" }, title);
  return h("section", { class: "page", "aria-labelledby": "wb-settings-h" }, heading, ...content);
}

function ownersPage(page) {
  return [
    h("p", { class: "lead" }, "Everything is in ", h("span", { class: "path" }, page.folder), ". ", h("span", { class: "total" }, page.total)),
    ...Object.keys(HEADINGS).map((part) => roomPart(part, page)),
    part("Links", "links", allLinks()),
    queuePart(page.preferences),
    part("Models", "models", ...modelList(page.models)),
    part("This computer", "computer", h("dl", { class: "facts" }, page.facts.map(fact)), notificationLine()),
    reportPart(),
    page.by_key && part("Owner", "owner", forgetKey()),
  ];
}

function part(title, name, ...content) {
  const id = `wb-settings-${name}`;
  return h("section", { class: `part ${name}`, "aria-labelledby": id }, h("h2", { id }, title), h("div", { class: "body" }, ...content));
}

// ---- what takes room

function roomPart(name, page) {
  const rows = page.parts[name].map((room) => roomRow(room, name === "caches" && page));
  return part(HEADINGS[name], name, LEADS[name] && h("p", { class: "help" }, LEADS[name]), h("ul", { class: "rows" }, rows));
}

function roomRow(room, page) {
  const row = h("li", { class: "row", "data-kind": room.kind });
  const clean = room.frees && button("Clean up", () => ask(row, room), { id: `wb-clean-${room.kind}`, "aria-label": `Clean up: ${room.title}` });
  row.append(
    h(
      "div",
      { class: "what" },
      h("b", null, room.title),
      h("p", null, room.text),
      room.found && h("p", { class: "found" }, room.found),
    ),
    h("div", { class: "do" }, clean),
    h("div", { class: "how-much" }, h("p", { class: "size", title: room.files }, room.size), page && limitField(room, page.preferences)),
  );
  if (page && room.kind === "stage1") row.append(keepSwitch(page));
  return row;
}

/** Say what goes and what stays, before anything does. */
function ask(row, room) {
  const opener = row.querySelector(".do .btn");
  opener.hidden = true;
  const close = () => {
    asking.remove();
    opener.hidden = false;
    opener.focus();
  };
  const asking = h(
    "div",
    { class: "ask", role: "group", "aria-label": `Clean up: ${room.title}`, onkeydown: (event) => event.key === "Escape" && close() },
    h("p", { id: `wb-says-${room.kind}` }, room.says),
    h(
      "div",
      { class: "acts" },
      button(`Remove ${room.frees}`, (event) => clean(event.currentTarget, asking, room), { class: "btn", "aria-describedby": `wb-says-${room.kind}` }),
      button("Leave it", close),
    ),
  );
  row.append(asking);
  asking.querySelector(".btn").focus();
}

async function clean(remove, asking, room) {
  remove.disabled = true;
  remove.setAttribute("aria-busy", "true");
  remove.textContent = "Removing…";
  try {
    const { parts, total, said } = await post("settings/clean", { kind: room.kind });
    refresh(parts, total, room.kind, said);
  } catch (refusal) {
    asking.replaceChildren(problem(`wb-clean-error-${room.kind}`, refusal.message));
  }
}

/** Put the new figures into the rows; fields and what is typed in them stay as they are. */
function refresh(parts, total, kind, said) {
  place.querySelector(".total").textContent = total;
  for (const room of Object.values(parts).flat()) {
    const row = place.querySelector(`[data-kind=${room.kind}]`);
    if (!row) continue;
    row.querySelector(".size").textContent = room.size;
    if (!room.frees) row.querySelector(".do").replaceChildren();
  }
  const row = place.querySelector(`[data-kind=${kind}]`);
  row.querySelector(".ask")?.remove();
  const note = h("p", { class: "said", tabindex: "-1" }, said);
  row.append(note);
  note.focus({ preventScroll: true });
  announce(said);
}

// ---- choices

function limitField(room, preferences) {
  const id = `wb-limit-${room.kind}`;
  const field = h("input", {
    class: "inp", id, type: "number", min: "0", step: "1", inputmode: "numeric",
    value: String(preferences.cache_limit_mb[room.kind]), "aria-label": `${room.title}: at most, in MB`,
  });
  field.addEventListener("change", () => {
    const size = field.value.trim() === "" ? null : Number(field.value);
    choose(field, { cache_limit_mb: { [room.kind]: size } });
  });
  return h("div", { class: "limit" }, h("label", { for: id }, "at most"), field, h("span", null, "MB"));
}

function keepSwitch(page) {
  const box = h("input", { type: "checkbox", id: "wb-keep-stage1" });
  box.checked = page.preferences.keep_stage1;
  box.addEventListener("change", () => choose(box, { keep_stage1: box.checked }));
  return h("div", { class: "keep" }, h("label", { class: "chk" }, box, "Keep the drawing of every new run"), h("p", { class: "help" }, page.cost));
}

function queuePart(preferences) {
  const choices = [
    ["pause", "Wait until I say so", "What brought it down may be in the queue still."],
    ["continue", "Go on by itself", "The run it was making is made again first."],
  ];
  const radios = choices.map(([value, title, text]) => {
    const radio = h("input", { type: "radio", name: "wb-after", id: `wb-after-${value}`, value, "aria-describedby": `wb-after-${value}-help` });
    radio.checked = preferences.after_unclean_stop === value;
    radio.addEventListener("change", () => choose(radio, { after_unclean_stop: value }));
    return h("div", { class: "choice" }, h("label", { class: "chk" }, radio, title), h("p", { class: "help", id: `wb-after-${value}-help` }, text));
  });
  const legend = h("legend", null, "When Wanderbook was ended by a crash, a kill or a power cut, and runs still wait:");
  return part("Queue", "queue", h("fieldset", null, legend, ...radios));
}

/** Keep a choice; a refusal is said below the field, and the field stays as it was typed. */
async function choose(field, change) {
  const holder = field.closest(".row, .choice");
  holder.querySelector(".err")?.remove();
  field.removeAttribute("aria-invalid");
  try {
    await post("settings", change);
    confirmKept(holder, field);
  } catch (refusal) {
    field.setAttribute("aria-invalid", "true");
    holder.append(problem(`${field.id}-error`, refusal.message));
  }
}

function confirmKept(holder, field) {
  holder.querySelector(".kept-note")?.remove();
  const note = h("span", { class: "kept-note" }, "Kept");
  field.closest(".limit, .chk").append(note);
  setTimeout(() => note.remove(), 3000);
  announce("Kept.");
}

// ---- this computer

function fact([name, value]) {
  return h("div", null, h("dt", null, name), h("dd", null, value));
}

function notificationLine() {
  const can = "Notification" in window && isSecureContext;
  const words = {
    granted: "This browser lets the page say when a run ends. The queue page turns that on and off.",
    denied: "This browser does not let the page say when a run ends. Its own settings for this address change that.",
    default: "The queue page can ask this browser to say when a run ends.",
  };
  return h("p", { class: "help" }, can ? words[Notification.permission] : "Over plain http a browser cannot say when a run ends.");
}

// ---- a bug report

function reportPart() {
  const shown = h("pre", { id: "wb-report", tabindex: "0", role: "region", "aria-label": "Report" }, "Collecting…");
  const copy = copyButton(shown, { id: "wb-copy", disabled: true });
  const lead = "Versions, sizes, counts and the end of the worker's log. No prompt, picture, key or name is in it; read it before you send it.";
  return part("For a bug report", "report", h("p", { class: "help" }, lead), shown, h("div", { class: "acts" }, copy));
}

function showReport(text) {
  place.querySelector("#wb-report").textContent = text;
  place.querySelector("#wb-copy").disabled = false;
}
