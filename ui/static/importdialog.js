// A bundle is brought in: sent, looked at, and taken over once a person has seen what is in it.

import { openNotebook } from "./books.js";
import { announce, button, h, icon, problem } from "./dom.js";
import { Refusal, post, url, visitor } from "./server.js";
import { toast } from "./toasts.js";
import { goTo } from "./views.js";

const LARGEST_BYTES = 8 * 1024 ** 3; // ui/bundle_answers.py says the same

/** Offer to bring a bundle in; `file` is what a person dropped or chose. */
export function offerImport(file) {
  const close = h("button", { type: "button", class: "btn icon", "aria-label": "Close" }, icon("close"));
  const body = h("div", { class: "import" });
  const head = h("div", { class: "sheet-h" }, h("h2", { id: "wb-import-title" }, "Bring in a bundle"), close);
  const sheet = h("dialog", { class: "sheet ask-sheet", "aria-labelledby": "wb-import-title" }, head, body);
  const work = { sheet, body, file, ticket: "", stop: () => {} };
  close.addEventListener("click", () => sheet.close());
  const gone = () => leave(work, { keepalive: true });
  addEventListener("pagehide", gone);
  sheet.addEventListener("close", () => {
    removeEventListener("pagehide", gone);
    sheet.remove();
    leave(work);
  });
  document.querySelector("#wb-bar").append(sheet);
  sheet.showModal();
  begin(work);
}

// Whoever closes the sheet early, or the whole page, wants nothing of the bundle.
function leave({ stop, ticket }, options = {}) {
  stop();
  if (ticket) post(`import/${ticket}/cancel`, {}, options).catch(() => {});
}

async function begin(work) {
  const { file } = work;
  if (file.size > LARGEST_BYTES) return refuse(work, "This bundle has more than 8 GB. Up to 8 GB work.");
  const bar = h("progress", { max: 1, value: 0, "aria-label": "Sent" });
  const words = h("p", { class: "help", role: "status" }, "Sending it");
  draw(work, h("p", { class: "name" }, file.name), bar, words);
  try {
    const found = await send(work, (part) => {
      bar.value = part;
      if (part < 1) return;
      bar.removeAttribute("value");
      words.textContent = "Checking every file in it";
    });
    work.ticket = found.ticket;
    show(work, found);
  } catch (refusal) {
    refuse(work, refusal instanceof Refusal ? refusal.message : "This did not work.");
  }
}

// fetch says nothing about what is on its way up.
function send(work, progress) {
  const request = new XMLHttpRequest();
  work.stop = () => request.abort();
  return new Promise((resolve, reject) => {
    request.open("POST", url("import"));
    request.responseType = "json";
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.setRequestHeader("X-File-Name", encodeURIComponent(work.file.name));
    request.setRequestHeader("X-Wanderbook-Visitor", visitor());
    request.upload.addEventListener("progress", ({ loaded, total }) => progress(total ? loaded / total : 0));
    request.upload.addEventListener("load", () => progress(1));
    const lost = () => reject(new Refusal("The connection ended before the bundle had arrived. Send it again."));
    request.addEventListener("error", lost);
    request.addEventListener("load", () => {
      const value = request.response ?? {};
      if (request.status === 200) resolve(value);
      else reject(new Refusal(value.error ?? `Wanderbook answered with an error (${request.status}).`));
    });
    request.send(work.file);
  });
}

function show(work, found) {
  const { notebook, size, here, prompts } = found;
  const fresh = found.new;
  const facts = [
    notebook && ["Notebook", notebook],
    fresh && ["New", fresh],
    here && ["Here already", here],
    ["Size", size],
  ].filter(Boolean);
  const list = h("dl", { class: "facts" }, ...facts.flatMap(([name, words]) => [h("dt", null, name), h("dd", null, words)]));
  const said = prompts.filter(Boolean).map((prompt) => h("li", null, prompt));
  const nothing = found.nothing_new && h("p", { class: "help" }, "Everything in it is here already.");
  const words = found.nothing_new ? "Show it" : "Bring in";
  const act = button(words, () => bringIn(work), { class: "btn primary", autofocus: true });
  const no = button("Cancel", () => work.sheet.close());
  draw(
    work,
    h("p", { class: "name" }, found.name),
    list,
    said.length && h("ul", { class: "prompts" }, ...said),
    nothing,
    h("div", { class: "sheet-acts" }, act, no),
  );
  act.focus();
  announce("Every file in the bundle was checked.");
}

async function bringIn(work) {
  const { ticket } = work;
  work.ticket = ""; // it is used up, whatever comes of it
  const bar = h("progress", { "aria-label": "Bringing it in" });
  draw(work, h("p", { class: "name" }, work.file.name), bar, h("p", { class: "help", role: "status" }, "Bringing it in"));
  try {
    const done = await post(`import/${ticket}`);
    work.sheet.close();
    if (done.notebook) openNotebook(done.notebook);
    toast(done.sentence, done.notebook ? "" : "Show", done.notebook ? null : () => reveal(done));
  } catch (refusal) {
    refuse(work, refusal instanceof Refusal ? refusal.message : "This did not work.");
  }
}

function reveal({ runs }) {
  if (runs.length === 1) goTo("run", runs[0]);
  else goTo("gallery");
}

function refuse(work, sentence) {
  const no = button("Close", () => work.sheet.close(), { autofocus: true });
  draw(work, problem("wb-import-problem", sentence), h("div", { class: "sheet-acts" }, no));
  no.focus();
}

function draw({ body }, ...content) {
  body.replaceChildren(...content.filter(Boolean));
}
