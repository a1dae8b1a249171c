// The video of a card, while the pointer or the focus is on it: one at a time, small, without sound. Moving the
// pointer sideways moves through it. Whoever asked for less motion sees none.

import { calm, h } from "./dom.js";

const DELAY_MS = 140; // passing over a card loads nothing
const REST_MS = 500; // held still for so long, it plays on

let shown = null; // {element, video}
let coming = 0;
let resting = 0;

/** Play in `place`: `addressOf(element)` is the small video of a card's element, or "". */
export function watchHover(place, addressOf) {
  const cardAt = (node) => node.closest?.(".card");
  place.addEventListener("pointerover", (event) => {
    if (event.pointerType !== "touch") begin(cardAt(event.target), addressOf);
  });
  place.addEventListener("pointerleave", end);
  place.addEventListener("pointermove", (event) => {
    if (event.pointerType !== "touch") scrub(event);
  });
  place.addEventListener("focusin", (event) => {
    if (event.target.matches(":focus-visible")) begin(cardAt(event.target), addressOf);
  });
  place.addEventListener("focusout", end);
}

function begin(element, addressOf) {
  if (shown?.element === element) return;
  end();
  if (!element || calm()) return;
  shown = { element, video: null };
  coming = setTimeout(() => play(element, addressOf(element)), DELAY_MS);
}

function play(element, src) {
  if (!src || !element.isConnected) return;
  const video = h("video", { src, loop: true, playsinline: true, preload: "auto", tabindex: "-1" });
  video.muted = true;
  video.setAttribute("aria-hidden", "true");
  video.addEventListener("loadeddata", () => video.classList.add("ready"));
  video.addEventListener("error", () => video.remove());
  shown.video = video;
  element.querySelector(".pic").append(video);
  video.play().catch(() => {});
}

/** Take the video away. */
export function end() {
  clearTimeout(coming);
  clearTimeout(resting);
  shown?.video?.remove();
  shown = null;
}

function scrub({ clientX, movementX }) {
  const video = shown?.video;
  if (!video?.duration || !movementX) return;
  const { left, width } = video.getBoundingClientRect();
  const share = Math.min(Math.max((clientX - left) / width, 0), 1);
  video.pause();
  if (!video.seeking) video.currentTime = share * video.duration * 0.999;
  clearTimeout(resting);
  resting = setTimeout(() => video.play().catch(() => {}), REST_MS);
}
