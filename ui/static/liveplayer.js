// The video of a run while it is made: what is there so far is fetched bit by bit, and played.
// Each event of the run says that there may be more. Where the browser cannot play it, rough
// previews are shown as for any other run.

import { h } from "./dom.js";

const Source = window.ManagedMediaSource ?? window.MediaSource;
const players = new WeakMap(); // the picture it plays in -> player
const moments = new Map(); // run id -> {time, playing}: where its viewer was
const WHOLE_ANSWER = 4 << 20; // bytes: there may be more at once
const PAUSE = "Pause the video that is being made";
const PLAY = "Play the video that is being made";

/** Show the video of a running run in `picture`; whether it is there, so that no preview is needed. */
export function showLive(picture, cell) {
  const address = cell.media.live;
  if (!address || !Source) return false;
  let player = players.get(picture);
  if (player?.address !== address) {
    player = { address, id: cell.id, picture, offset: 0, reading: false, more: false, waiting: [] };
    players.set(picture, player);
  }
  if (!player.broken) setTimeout(read, 0, player); // once the picture stands in the page
  return Boolean(player.video) && !player.broken;
}

/** Where whoever watched a run being made was in it, once: {time, playing}, or nothing. */
export function takeMoment(id) {
  const moment = moments.get(id);
  moments.delete(id);
  return moment;
}

async function read(player) {
  if (player.reading) return void (player.more = true);
  if (!player.picture.isConnected) return;
  player.reading = true;
  try {
    do {
      player.more = false;
      const answer = await fetch(`${player.address}&from=${player.offset}`, { credentials: "omit" });
      const bytes = answer.status === 200 ? new Uint8Array(await answer.arrayBuffer()) : null;
      if (bytes?.length) take(player, bytes);
      player.more ||= bytes?.length >= WHOLE_ANSWER;
    } while (player.more);
  } catch {
    // no answer: the next event asks again
  } finally {
    player.reading = false;
  }
}

function take(player, bytes) {
  if (!player.video && !begin(player, bytes)) return;
  player.offset += bytes.length;
  player.waiting.push(bytes);
  append(player);
}

function begin(player, bytes) {
  const type = `video/mp4; codecs="${codecOf(bytes)}"`;
  if (!Source.isTypeSupported(type)) {
    player.broken = true;
    return false;
  }
  const source = new Source();
  const video = h("video", { muted: true, playsinline: true, disableremoteplayback: true });
  video.muted = true; // the attribute alone does not let it begin by itself
  video.disableRemotePlayback = true; // else a managed source never opens
  video.src = URL.createObjectURL(source);
  source.addEventListener("sourceopen", () => {
    URL.revokeObjectURL(video.src);
    player.buffer = source.addSourceBuffer(type);
    player.buffer.addEventListener("updateend", () => append(player));
    append(player);
  });
  player.video = video;
  show(player);
  return true;
}

function show(player) {
  const { video, picture, id } = player;
  const words = h("span", { class: "rough" }, "Plays while it is made");
  const face = h("button", { type: "button", class: "live-face", "aria-label": PAUSE });
  face.addEventListener("click", () => (video.paused ? video.play().catch(() => {}) : video.pause()));
  const told = () => {
    face.setAttribute("aria-label", video.paused ? PLAY : PAUSE);
    moments.set(id, { time: video.currentTime, playing: !video.paused });
    const there = video.buffered.length ? video.buffered.end(video.buffered.length - 1) : 0;
    words.textContent = `${Math.round(there)} s so far${video.paused ? ", paused" : ""}`;
  };
  for (const event of ["play", "pause", "timeupdate", "progress"]) video.addEventListener(event, told);
  video.addEventListener("error", () => (player.broken = true));
  const first = () => {
    picture.replaceChildren(video, face, words);
    picture.classList.add("playing");
  };
  video.addEventListener("loadeddata", first, { once: true });
  video.addEventListener(
    "canplay",
    () => {
      video.currentTime = Math.min(moments.get(id)?.time ?? 0, video.buffered.end(0));
      video.play().catch(() => {});
    },
    { once: true },
  );
}

function append(player) {
  if (!player.buffer || player.buffer.updating || !player.waiting.length || player.broken) return;
  try {
    player.buffer.appendBuffer(player.waiting.shift());
  } catch {
    player.broken = true; // the buffer is full or gone: previews go on
  }
}

/** What the first fragment says of its codec, such as avc1.64001E. */
function codecOf(bytes) {
  const mark = [0x61, 0x76, 0x63, 0x43]; // avcC
  const place = bytes.findIndex((_, at) => mark.every((byte, after) => bytes[at + after] === byte));
  const profile = Array.from(bytes.slice(place + 5, place + 8), (byte) => byte.toString(16).padStart(2, "0"));
  return place < 0 ? "" : `avc1.${profile.join("").toUpperCase()}`;
}
