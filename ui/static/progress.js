// A run that is being made: its rough preview and its stages, in words.

import { h, icon } from "./dom.js";
import { showLive } from "./liveplayer.js";

/** The picture so far, in the shape of the video. */
export function preview(cell) {
  const ratio = cell.size[0] ? `aspect-ratio:${cell.size[0]}/${cell.size[1]}` : null;
  const picture = h("div", { class: "pic", style: ratio });
  showPreview(picture, cell);
  return picture;
}

/** The next preview is shown once it is decoded, so that the picture never blinks. */
export function showPreview(picture, cell) {
  if (showLive(picture, cell)) return;
  const address = cell.media.preview || cell.media.first_frame;
  const label = cell.rough || "First frame";
  if (picture.dataset.address === address) return;
  picture.dataset.address = address;
  const image = h("img", {
    src: address,
    alt: cell.rough ? `Rough preview of run ${cell.number}` : `First frame of run ${cell.number}`,
  });
  const show = () => {
    if (picture.dataset.address !== address || picture.querySelector("video")) return;
    picture.replaceChildren(image, h("span", { class: "rough" }, label));
  };
  if (picture.firstChild) image.decode().then(show, () => {});
  else show();
}

/** Every stage once: done, now or next. */
export function stageList(cell) {
  return h("ol", { class: "stages" }, ...cell.stages.map(stageRow));
}

function stageRow(stage) {
  const mark = { done: icon("check"), now: h("span", { class: "dot" }), next: h("span", { class: "pend" }) }[
    stage.state
  ];
  const meter =
    stage.percent === null
      ? null
      : h(
          "span",
          {
            class: "meter",
            style: `--at:${stage.percent}%`,
            role: "progressbar",
            "aria-label": stage.text,
            "aria-valuenow": String(stage.percent),
            "aria-valuemin": "0",
            "aria-valuemax": "100",
          },
          h("i"),
        );
  return h(
    "li",
    {
      class: stage.state === "next" ? null : stage.state,
      "aria-current": stage.state === "now" ? "step" : null,
    },
    mark,
    h("span", null, stage.text),
    h("span", { class: "took" }, stage.note),
    meter,
  );
}
