// One to four clips with one transport: play, seek, loop, step by frames, speed. The longest leads; a shorter one
// holds its last frame. While they play, a clip that drifts from the leader is put right, so that all show the
// same moment within one frame.

import { h, icon } from "./dom.js";

const SPEEDS = [1, 0.5, 0.25, 2];
const NUDGE = 0.25; // frames of drift that a slower or faster rate makes up for
const JUMP = 0.6; // frames of drift that ask for a jump

/** `clips` are {src, poster, frames, fps, size, label}; `onLost` is told of the first that does not load. */
export function syncPlayer(clips, { onLost = () => {}, onFrame = () => {}, loop = true } = {}) {
  const fps = Math.max(...clips.map((clip) => clip.fps));
  const lengths = clips.map((clip) => clip.frames / clip.fps);
  const leader = lengths.indexOf(Math.max(...lengths));
  const frames = Math.round(lengths[leader] * fps);
  const state = { clips, fps, frames, leader, loop, speed: 1, frame: 0, playing: false, onFrame };
  const pictures = clips.map((clip) => picture(clip, onLost));
  state.videos = pictures.map((one) => one.querySelector("video"));
  const transport = buildTransport(state);
  const lead = state.videos[leader];
  lead.loop = loop && clips.length === 1; // alone, the browser loops without a gap
  lead.addEventListener("ended", () => atEnd(state));
  lead.addEventListener("seeked", () => state.playing || readFrame(state));
  // The browser has a say too: media keys, saving power, a window in which nothing is painted.
  lead.addEventListener("timeupdate", () => state.playing && readFrame(state));
  lead.addEventListener("pause", () => lead.paused && !lead.ended && pause(state));
  lead.addEventListener("play", () => lead.paused || state.playing || play(state));
  show(state);
  return {
    pictures,
    transport,
    videos: state.videos,
    toggle: () => (state.playing ? pause(state) : play(state)),
    pause: () => pause(state),
    step: (count) => step(state, count),
    seek: (frame) => seek(state, frame),
    frame: () => state.frame,
  };
}

function picture(clip, onLost) {
  const [width, height] = clip.size;
  const video = h("video", {
    src: clip.src,
    poster: clip.poster,
    playsinline: true,
    preload: "auto",
    tabindex: -1,
    "aria-hidden": "true",
  });
  video.muted = true;
  video.addEventListener("error", onLost, { once: true });
  const ratio = width ? `aspect-ratio:${width}/${height}` : null;
  return h("div", { class: "pic big", role: "img", "aria-label": clip.label, style: ratio }, video);
}

// ---- the transport

function buildTransport(state) {
  const act = (name, label, onclick, more = {}) =>
    h(
      "button",
      { type: "button", class: "btn icon", "aria-label": label, title: label, onclick, ...more },
      icon(name),
    );
  const playing = act("play", "Play", () => (state.playing ? pause(state) : play(state)));
  const line = h("input", {
    type: "range",
    class: "scrub",
    min: 0,
    max: state.frames - 1,
    step: 1,
    value: "0",
    "aria-label": "Position",
  });
  line.addEventListener("input", () => seek(state, Number(line.value)));
  const time = h("span", { class: "time" });
  const count = h("span", { class: "sub count" });
  const speed = h("button", { type: "button", class: "btn quiet speed", onclick: () => faster(state) });
  const loop = act("loop", "Loop", () => turnLoop(state), { "aria-pressed": String(state.loop) });
  const full = act("expand", "Full screen", (event) => fullScreen(event.currentTarget));
  full.hidden = !document.fullscreenEnabled;
  state.parts = { playing, line, time, count, speed, loop };
  return h(
    "div",
    { class: "transport", role: "group", "aria-label": "Player" },
    act("prev", "One frame back (,)", () => step(state, -1)),
    playing,
    act("next", "One frame on (.)", () => step(state, 1)),
    line,
    time,
    count,
    speed,
    loop,
    full,
  );
}

function show(state) {
  const { playing, line, time, count, speed } = state.parts;
  const seconds = (frame) => `${Math.round((frame / state.fps) * 10) / 10}`;
  const words = `frame ${state.frame + 1} of ${state.frames}`;
  line.value = String(state.frame);
  line.style.setProperty("--at", `${(state.frame / Math.max(1, state.frames - 1)) * 100}%`);
  line.setAttribute("aria-valuetext", words);
  time.textContent = `${seconds(state.frame)} of ${seconds(state.frames - 1)} s`;
  count.textContent = words;
  speed.textContent = `${state.speed}×`;
  speed.setAttribute("aria-label", `Speed ${state.speed}×`);
  if (playing.dataset.playing === String(state.playing)) return;
  playing.dataset.playing = String(state.playing);
  playing.replaceChildren(icon(state.playing ? "pause" : "play"));
  playing.setAttribute("aria-label", state.playing ? "Pause" : "Play");
  playing.title = state.playing ? "Pause" : "Play";
}

function setFrame(state, frame) {
  const moved = frame !== state.frame;
  state.frame = frame;
  show(state);
  if (moved) state.onFrame(frame);
}

function readFrame(state) {
  const at = Math.floor(state.videos[state.leader].currentTime * state.fps + 0.01);
  setFrame(state, Math.min(Math.max(at, 0), state.frames - 1));
}

function faster(state) {
  state.speed = SPEEDS[(SPEEDS.indexOf(state.speed) + 1) % SPEEDS.length];
  for (const video of state.videos) video.playbackRate = state.speed;
  show(state);
}

function turnLoop(state) {
  state.loop = !state.loop;
  state.parts.loop.setAttribute("aria-pressed", String(state.loop));
  state.videos[state.leader].loop = state.loop && state.clips.length === 1;
}

function fullScreen(button) {
  if (document.fullscreenElement) document.exitFullscreen();
  else button.closest(".player")?.requestFullscreen();
}

// ---- moving

/** Where a clip stands at a moment: its last frame is held. Times are in the middle of a frame. */
function momentOf(clip, seconds) {
  return Math.min(seconds, (clip.frames - 0.5) / clip.fps);
}

function seek(state, frame) {
  const wanted = Math.min(Math.max(frame, 0), state.frames - 1);
  const seconds = (wanted + 0.5) / state.fps;
  state.videos.forEach((video, index) => {
    const go = () => (video.currentTime = momentOf(state.clips[index], seconds));
    if (video.readyState >= 1) go();
    else video.addEventListener("loadedmetadata", go, { once: true });
  });
  setFrame(state, wanted);
}

function step(state, count) {
  pause(state);
  seek(state, state.frame + count);
}

function play(state) {
  if (state.frame >= state.frames - 1) seek(state, 0);
  state.playing = true;
  for (const video of state.videos) {
    video.playbackRate = state.speed;
    video.play().catch(() => video === state.videos[state.leader] && pause(state));
  }
  show(state);
  requestAnimationFrame(() => follow(state));
}

function pause(state) {
  if (!state.playing) return;
  state.playing = false;
  for (const video of state.videos) video.pause();
  readFrame(state);
  if (state.clips.length > 1) seek(state, state.frame); // all stop on the same frame
}

function follow(state) {
  if (!state.playing) return;
  if (!state.videos[state.leader].isConnected) return pause(state);
  readFrame(state);
  const seconds = state.videos[state.leader].currentTime;
  state.videos.forEach((video, index) => index !== state.leader && keepUp(state, video, index, seconds));
  requestAnimationFrame(() => follow(state));
}

function keepUp(state, video, index, seconds) {
  const clip = state.clips[index];
  const wanted = momentOf(clip, seconds);
  if (wanted < seconds) {
    if (!video.paused) video.pause();
    if (Math.abs(video.currentTime - wanted) > 0.4 / clip.fps && !video.seeking) video.currentTime = wanted;
    return;
  }
  if (video.paused || video.ended) video.play().catch(() => {});
  const drift = (video.currentTime - wanted) * clip.fps;
  if (Math.abs(drift) > JUMP && !video.seeking) video.currentTime = wanted;
  const rate = Math.abs(drift) > NUDGE ? state.speed * (drift > 0 ? 0.9 : 1.1) : state.speed;
  if (video.playbackRate !== rate) video.playbackRate = rate;
}

function atEnd(state) {
  if (!state.playing) return;
  if (!state.loop) {
    pause(state);
    return seek(state, state.frames - 1);
  }
  for (const video of state.videos) {
    video.currentTime = 0;
    video.play().catch(() => {});
  }
}
