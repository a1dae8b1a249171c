// The page inside a bundle: films begin calmly, and one plays at a time unless they are compared side by side.

const part = (tag, kind, words) =>
  Object.assign(document.createElement(tag), { className: kind, textContent: words });

for (const film of document.querySelectorAll(".film")) {
  const video = film.querySelector("video");
  const play = part("button", "play", "");
  const stamp = part("span", "stamp", film.dataset.length);
  play.type = "button";
  play.setAttribute("aria-label", video.getAttribute("aria-label").replace(/^Generated video/, "Play the video"));
  play.addEventListener("click", () => {
    video.play();
    video.focus();
  });
  video.controls = false;
  video.addEventListener("click", () => video.controls || video.play());
  video.addEventListener(
    "play",
    () => {
      video.controls = true;
      play.remove();
      stamp.remove();
    },
    { once: true },
  );
  film.append(play, stamp);
}

for (const together of document.querySelectorAll(".together")) {
  const button = part("button", "btn", "Play together");
  button.type = "button";
  button.addEventListener("click", () => {
    for (const video of together.querySelectorAll("video")) {
      video.currentTime = 0;
      video.play();
    }
  });
  together.append(button);
}

document.addEventListener(
  "play",
  ({ target }) => {
    const together = target.closest(".together");
    for (const video of document.querySelectorAll("video"))
      if (video !== target && !(together && together.contains(video))) video.pause();
  },
  true,
);
