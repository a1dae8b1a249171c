// A cell's picture: the poster at rest, the clip when asked, a line to move through it.

import { h, icon } from "./dom.js";

/** The picture box of a finished run. Nothing is loaded before Play. */
export function player(cell, onLost) {
  const { media, number, prompt } = cell;
  const ratio = cell.size[0] ? `aspect-ratio:${cell.size[0]}/${cell.size[1]}` : null;
  const poster = h("img", {
    src: media.poster || media.first_frame,
    alt: `Video of run ${number}${prompt ? `: ${prompt}` : ""}`,
    loading: "lazy",
  });
  poster.addEventListener("error", onLost, { once: true });
  const play = h(
    "button",
    { type: "button", class: "play", "aria-label": `Play run ${number}` },
    icon("play"),
  );
  const stamp = h("span", { class: "stamp" }, cell.length);
  const picture = h("div", { class: "pic", style: ratio }, poster, play, stamp);
  const line = h("input", {
    type: "range",
    class: "scrub",
    min: 0,
    max: 1000,
    step: "any",
    value: "0",
    "aria-label": `Position in run ${number}`,
    "aria-valuetext": "0 s",
  });
  const box = h("div", { class: "out" }, picture, line);
  const state = { video: null, cell, picture, poster, play, line, onLost };
  play.addEventListener("click", () => toggle(state));
  picture.addEventListener("click", (event) => {
    if (event.target !== play && !play.contains(event.target)) toggle(state);
  });
  line.addEventListener("input", () => seek(state, Number(line.value) / 1000));
  box.player = { toggle: () => toggle(state), step: (frames) => stepBy(state, frames), state };
  return box;
}

function load(state) {
  if (state.video) return state.video;
  const video = h("video", {
    src: state.cell.media.video,
    muted: true,
    loop: true,
    playsinline: true,
    preload: "auto",
    tabindex: -1,
    "aria-hidden": "true",
  });
  video.muted = true;
  state.video = video;
  state.poster.after(video);
  video.addEventListener("loadeddata", () => state.picture.classList.add("playing"));
  video.addEventListener("play", () => {
    showPlaying(state, true);
    follow(state);
  });
  video.addEventListener("pause", () => showPlaying(state, false));
  video.addEventListener("timeupdate", () => showPosition(state));
  video.addEventListener(
    "error",
    () => {
      state.video = null;
      video.remove();
      state.onLost();
    },
    { once: true },
  );
  return video;
}

function toggle(state) {
  const video = load(state);
  if (video.paused) video.play().catch(() => showPlaying(state, false));
  else video.pause();
}

function seek(state, share) {
  const video = load(state);
  const go = () => {
    video.currentTime = share * video.duration;
    showPosition(state);
  };
  if (video.readyState >= 1) go();
  else video.addEventListener("loadedmetadata", go, { once: true });
}

function stepBy(state, frames) {
  const video = load(state);
  video.pause();
  const go = () => {
    const time = video.currentTime + frames / state.cell.fps;
    video.currentTime = Math.min(Math.max(time, 0), video.duration);
  };
  if (video.readyState >= 1) go();
  else video.addEventListener("loadedmetadata", go, { once: true });
}

function showPlaying(state, playing) {
  state.play.replaceChildren(icon(playing ? "pause" : "play"));
  state.play.setAttribute("aria-label", `${playing ? "Pause" : "Play"} run ${state.cell.number}`);
  state.picture.classList.toggle("moving", playing);
}

// The line moves with the picture, not four times a second.
function follow(state) {
  if (!state.video || state.video.paused || !state.video.isConnected) return;
  showPosition(state);
  requestAnimationFrame(() => follow(state));
}

function showPosition({ video, line }) {
  if (!video?.duration) return;
  const share = video.currentTime / video.duration;
  line.value = String(share * 1000);
  line.style.setProperty("--at", `${share * 100}%`);
  line.setAttribute("aria-valuetext", `${video.currentTime.toFixed(1)} s`);
}
