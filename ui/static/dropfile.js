// Files from elsewhere: a picture becomes the first frame, a video, run.json or peer's file a draft, a bundle is
// offered to be brought in. Dropped anywhere on the page, or chosen by the button in the form's head.

import { announce, h, icon } from "./dom.js";
import { makeRoom } from "./drafts.js";
import { bringBack } from "./edit.js";
import { sendPicture } from "./firstframe.js";
import { offerImport } from "./importdialog.js";
import { isOwner } from "./runs.js";
import { Refusal, sendFile } from "./server.js";
import { toast } from "./toasts.js";
import { goTo, hasComposer } from "./views.js";

const LARGEST = 512 * 1024 * 1024; // bytes, as the server has it
const BUNDLE = /\.zip$/i;
const PICTURE = /^image\//;
const HEAD = 256 * 1024; // bytes of a PNG in which programs put their texts
const RECIPE = /(tEXt|iTXt|zTXt)(parameters|prompt|invokeai_metadata|sd-metadata|fooocus_scheme)\0/;

let veil = null;
let depth = 0; // elements the pointer has entered and not left

/** Let the whole page take files. */
export function listenToFiles() {
  const withFiles = (event) => event.dataTransfer?.types.includes("Files");
  addEventListener("dragenter", (event) => withFiles(event) && (depth += 1) === 1 && showVeil());
  addEventListener("dragleave", (event) => withFiles(event) && (depth -= 1) <= 0 && hideVeil());
  addEventListener("dragover", (event) => withFiles(event) && event.preventDefault());
  addEventListener("drop", (event) => {
    if (!withFiles(event)) return;
    event.preventDefault();
    hideVeil();
    const [file, ...more] = event.dataTransfer.files;
    takeFile(file);
    if (more.length) toast(`One file at a time: ${file.name} was taken.`);
  });
  addEventListener("paste", (event) => {
    const [file] = event.clipboardData?.files ?? [];
    if (!file) return;
    event.preventDefault();
    takeFile(file);
  });
}

/** The button that opens the same by the keyboard. */
export function fileButton() {
  const input = h("input", {
    type: "file",
    class: "vh",
    "aria-label": "Start a run from a file",
    accept: "video/mp4,video/webm,application/json,.json,.zip,image/*",
  });
  input.addEventListener("change", () => {
    const [file] = input.files;
    input.value = "";
    takeFile(file);
  });
  const title = "From a file: a video of Wanderbook, a run.json, a bundle";
  return h("label", { class: "btn quiet from-file", title }, icon("file"), h("span", null, "From a file"), input);
}

function takeFile(file) {
  if (!file) return;
  if (!hasComposer()) goTo("notebook");
  if (PICTURE.test(file.type)) return takePicture(file);
  if (BUNDLE.test(file.name) && isOwner()) return offerImport(file);
  return readRecipe(file);
}

/** A picture is the first frame; what another program wrote into it is offered, since it would replace the draft. */
async function takePicture(file) {
  await sendPicture(file);
  if (await carriesRecipe(file))
    toast(`${file.name} says how it was made.`, "Use its prompt and settings", () => readRecipe(file));
}

async function carriesRecipe(file) {
  if (file.type !== "image/png") return false;
  const head = await file.slice(0, HEAD).arrayBuffer();
  return RECIPE.test(new TextDecoder("latin1").decode(head));
}

async function readRecipe(file) {
  if (file.size > LARGEST) return toast(`${file.name} has more than 512 MB. Up to 512 MB work.`);
  announce(`Reading ${file.name}.`);
  try {
    const { form, parent_id, said } = await sendFile("recipes", file);
    makeRoom();
    bringBack({ form, parent_id });
    toast([`The form now holds the recipe of ${file.name}.`, ...said].join(" "));
  } catch (refusal) {
    toast(refusal instanceof Refusal ? refusal.message : "This file could not be read.");
  }
}

// ---- what is seen while a file is over the page

function showVeil() {
  veil ??= h(
    "div",
    { id: "wb-drop", "aria-hidden": "true" },
    h("p", null, h("b", null, "Let go to use this file"), h("span", null, "A picture, a video of Wanderbook, a run.json or a bundle")),
  );
  document.querySelector("#wb-bar").append(veil);
}

function hideVeil() {
  depth = 0;
  veil?.remove();
}
