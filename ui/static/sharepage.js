// A shared page is whole without this: it draws a calm start over each film, and copies the link.

import { h, icon } from "./dom.js";

for (const film of document.querySelectorAll(".film")) begin(film);
for (const copy of document.querySelectorAll(".copy")) offer(copy);

/** A round button over the poster; the browser's own controls come with the first play. */
function begin(film) {
  const video = film.querySelector("video");
  const start = () => {
    cover.remove();
    stamp.remove();
    video.controls = true;
    video.play().catch(() => {}); // the browser says why, in its own controls
    video.focus({ preventScroll: true });
  };
  const name = video.getAttribute("aria-label").replace(/^Generated video/, "Play the video");
  const cover = h("button", { type: "button", class: "play", "aria-label": name, onclick: start }, icon("play"));
  const stamp = h("span", { class: "stamp" }, film.dataset.length);
  video.controls = false;
  video.addEventListener("play", () => pauseOthers(video));
  film.append(cover, stamp);
}

function pauseOthers(playing) {
  for (const video of document.querySelectorAll("video")) if (video !== playing) video.pause();
}

/** Only over https, or on one's own computer, may a page copy. */
function offer(copy) {
  if (!navigator.clipboard) return;
  const words = copy.textContent;
  copy.hidden = false;
  copy.addEventListener("click", async () => {
    const done = await navigator.clipboard.writeText(location.href.split(/[?#]/)[0]).then(
      () => "Copied",
      () => "The browser did not allow it",
    );
    copy.textContent = done;
    setTimeout(() => (copy.textContent = words), 3000);
  });
}
