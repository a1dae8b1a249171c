// The first frame: drop, paste, choose a file, or take one of the examples. Files that are dropped or pasted
// anywhere come by way of dropfile.js.

import { announce, h, icon } from "./dom.js";
import { makeRoom } from "./drafts.js";
import { clearProblem, draft, editedRun, refresh, restoreWith, set, showProblem } from "./form.js";
import { Refusal, placed, post, sendFile, session } from "./server.js";

const LARGEST = 64 * 1024 * 1024; // bytes, as the server has it

let examples = [];
let view = null; // {element, props, trigger}
let offered = ""; // the prompt of the example taken last
let reading = ""; // the name of the file on its way
let failed = false;

export function mountFirstFrame({ element, props, trigger, watch }) {
  view = { element, props, trigger };
  element.replaceChildren(
    h("div", { class: "lab" }, "First frame", h("span", { class: "end" })),
    h("div", { class: "body" }),
    h("div", { class: "slot" }),
  );
  watch("value", take);
  watch("ratio", draw);
  restoreWith("image", choose);
  session().then(
    (known) => {
      examples = known.examples;
      draw();
    },
    () => {},
  );
  take();
}

function take() {
  failed = false;
  set("image", view.props.value ?? null);
  draw();
}

function choose(image) {
  view.props.value = image;
  take();
}

/** Take an example: its picture, and its words unless the prompt holds a person's own. */
export async function chooseExample(example) {
  if (view.props.value && !view.props.value.example && !editedRun()) makeRoom(); // a picture of one's own
  const address = `examples/${encodeURIComponent(example.id)}`;
  await receive(example.title, async () => ({
    ...(await post(address)),
    example: example.id,
    title: example.title,
    credit: example.license,
  }));
  const ours = !draft.prompt || examples.some(({ prompt }) => prompt === draft.prompt);
  if (failed || !ours) return;
  offered = example.prompt;
  view.trigger("example");
}

/** The words of the example just taken, for Gradio's prompt field. */
export function takePrompt() {
  return offered;
}

async function receive(name, fetchImage) {
  reading = name;
  draft.uploading = true;
  failed = false;
  clearProblem("image");
  draw();
  try {
    choose(await fetchImage());
    announce(`First frame: ${name}`);
  } catch (refusal) {
    failed = true;
    showProblem("image", refusal instanceof Refusal ? refusal.message : "This picture could not be read.");
  } finally {
    reading = "";
    draft.uploading = false;
    draw();
    refresh();
  }
}

/** Take a person's picture. */
export function sendPicture(file) {
  if (!file) return;
  if (file.size > LARGEST) {
    failed = true;
    showProblem("image", `${file.name} has ${Math.round(file.size / 1048576)} MB. Up to 64 MB work.`);
    return draw();
  }
  return receive(file.name || "pasted picture", () => sendFile("images", file));
}

// ---- drawing

function draw() {
  const image = placed(view.props.value);
  const end = view.element.querySelector(".lab .end");
  end.textContent = image ? image.credit || describeFit(image) : "";
  end.title = image ? describeFit(image) : "";
  view.element.querySelector(".body").replaceChildren(image ? chosen(image) : empty());
}

// The picture is cut to the model's shape; say so before anything is generated.
function describeFit({ width, height }) {
  const ratio = view.props.ratio;
  const size = `${width} × ${height}`;
  return Math.abs(width / height / ratio - 1) < 0.01 ? `${size}, fits as it is` : `cropped from ${size}`;
}

function chosen(image) {
  const picture = h(
    "div",
    { class: "pic", style: `aspect-ratio:${view.props.ratio}`, "aria-busy": reading ? "true" : null },
    h("img", { src: image.thumb || image.url, alt: `First frame${image.title ? `: ${image.title}` : ""}` }),
    h("div", { class: "tools" }, fileButton("Replace")),
  );
  if (reading) picture.append(h("span", { class: "rough" }, `Reading ${reading}`));
  return h("div", { class: "ff" }, picture, exampleRow("ex"));
}

function fileButton(label) {
  return h("label", { class: "tool" }, label, fileInput("First frame, choose another picture"));
}

function fileInput(label) {
  const input = h("input", { type: "file", accept: "image/*", "aria-label": label });
  input.addEventListener("change", () => {
    const [file] = input.files;
    input.value = "";
    sendPicture(file);
  });
  return input;
}

function empty() {
  const words = reading
    ? [h("b", null, `Reading ${reading}`)]
    : [
        icon("image"),
        h("b", null, failed ? "Drop another picture" : "Drop a picture here"),
        failed ? null : h("span", { class: "small" }, "or paste one, or click to choose a file"),
      ];
  const kind = ["drop", failed && "bad"].filter(Boolean).join(" ");
  const area = h(
    "label",
    { class: kind, "aria-busy": reading ? "true" : null },
    fileInput("First frame, choose a picture"),
    ...words,
  );
  return h("div", { class: "start" }, area, exampleRow("ex row"));
}

function exampleRow(kind) {
  const now = view.props.value?.example;
  const tiles = examples.map((example) => {
    const label = example.license ? `${example.title}. ${example.license}` : example.title;
    const image = h("img", { src: example.url, alt: "", loading: "lazy", width: 64, height: 44 });
    const pressed = String(example.id === now);
    return h(
      "button",
      {
        type: "button",
        "aria-pressed": pressed,
        "aria-label": label,
        title: label,
        onclick: () => chooseExample(example),
      },
      image,
    );
  });
  return h(
    "div",
    {
      class: kind,
      role: "group",
      "aria-label": "Example first frames",
      style: `--tiles:${tiles.length || 6}`,
    },
    ...tiles,
  );
}
