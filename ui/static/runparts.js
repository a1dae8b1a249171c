// Parts of a run's page: what repetitions found, files, the command, the chain it stands in.

import { announce, button, h } from "./dom.js";
import { downloadBundle } from "./bundles.js";
import { Refusal, get } from "./server.js";
import { syncPlayer } from "./syncplayer.js";
import { toast } from "./toasts.js";
import { topView } from "./topview.js";
import { addressOf } from "./views.js";

// Words may be elements.
function factList(rows) {
  return h(
    "dl",
    { class: "facts" },
    ...rows.flatMap(([name, words]) => [h("dt", null, name), h("dd", null, ...[words].flat())]),
  );
}

/** The path, the recipe and how it went, for the column at the side. */
export function sideFacts(page) {
  const { run } = page;
  const { relation } = run;
  const parent = relation?.id && [
    page.parent,
    [
      h("a", { href: addressOf("run", relation.id) }, `run ${relation.number}`),
      relation.frame ? ` from frame ${relation.frame}` : "",
      `: ${page.changed}`,
    ],
  ];
  const made = new Date(run.created_at * 1000).toLocaleString("en-GB", {
    dateStyle: "long",
    timeStyle: "short",
  });
  return [
    page.map &&
      h(
        "div",
        null,
        h("h2", { class: "h3" }, "Camera path"),
        topView(page.map),
        h("p", { class: "help" }, page.path),
      ),
    h(
      "div",
      null,
      h("h2", { class: "h3" }, "Recipe"),
      factList([...(parent ? [parent] : []), ...page.recipe]),
    ),
    h(
      "div",
      null,
      h("h2", { class: "h3" }, "How it went"),
      factList([...page.went, ["Made", made.replace(" at ", ", ")]]),
    ),
  ].filter(Boolean);
}

/** What came of making the run again, and, for a repetition itself, what it found. */
export function checkList({ run, checks }) {
  const own = run.check
    ? [h("p", { class: run.check.startsWith("Identical") ? "check same" : "check" }, run.check)]
    : [];
  return [
    ...own,
    ...checks.map(({ id, number, sentence, identical }) =>
      h(
        "p",
        { class: identical ? "check same" : "check" },
        h("a", { href: addressOf("run", id) }, `Run ${number}`),
        ": ",
        sentence,
      ),
    ),
  ];
}

/** Everything that can be taken away. */
export function fileList({ run, files }, player) {
  const frame = h("span", { class: "frame-name" }, `wanderbook-${run.number}-frame-1.png`);
  const rows = files.map(({ title, name, url }) =>
    h(
      "li",
      null,
      title,
      h("span", null, name),
      h(
        "span",
        { class: "takes" },
        name === "run.json" &&
          copyButton(() => fetch(url).then((answer) => answer.text()), "Copy the recipe"),
        h(
          "a",
          { class: "btn quiet", href: url, download: name, "aria-label": `Download ${name}` },
          "Download",
        ),
      ),
    ),
  );
  const save = button("Save", () => saveFrame(player(), frame.textContent), {
    "aria-label": "Save this frame as a picture",
  });
  rows.push(bundleRow(run), h("li", null, "The frame that is shown", frame, h("span", { class: "takes" }, save)));
  return h(
    "section",
    { class: "sec" },
    h("h2", { class: "h3" }, "Files"),
    h("ul", { class: "files" }, ...rows),
  );
}

function bundleRow({ id, number }) {
  const label = { "aria-label": "Download everything as a bundle" };
  const pack = button("Download", () => downloadBundle({ runs: [id] }), label);
  const name = h("span", null, `wanderbook-run-${number}.wanderbook.zip`);
  return h("li", null, "All of it in one file, with a page that plays it", name, h("span", { class: "takes" }, pack));
}

function saveFrame(player, name) {
  const [video] = player.videos;
  if (!video.videoWidth) return void toast("The video is still on its way.");
  const canvas = h("canvas", { width: video.videoWidth, height: video.videoHeight });
  canvas.getContext("2d").drawImage(video, 0, 0);
  canvas.toBlob((picture) => {
    const address = URL.createObjectURL(picture);
    h("a", { href: address, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
  }, "image/png");
}

/** The command that makes the run again, to be copied. */
export function commandOf({ command, needed }) {
  const files = needed.length > 1 ? `${needed.join(" and ")} are` : `${needed[0]} is`;
  return h(
    "section",
    { class: "sec" },
    h("h2", { class: "h3" }, "From the command line"),
    h("pre", { class: "code", tabindex: 0 }, command),
    h(
      "div",
      { class: "code-foot" },
      h("p", { class: "help" }, `${files} among the files above.`),
      copyButton(async () => command, "Copy the command"),
    ),
  );
}

/** Only pages of this computer, or over https, may copy. */
function copyButton(read, label) {
  const copy = button("Copy", null, { "aria-label": label });
  copy.hidden = !navigator.clipboard;
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(await read());
      copy.textContent = "Copied";
      announce("Copied.");
    } catch {
      toast("The browser did not allow copying.");
    }
  });
  return copy;
}

/** Play or download a run together with all it goes on from; the joined video takes the player's place. */
export function playChain(page, place, player, back) {
  const { run, chain } = page;
  const play = button(`Play the whole chain (${chain})`, () => start());
  const take = button("Download as one file", async () => {
    const joined = await build(take);
    if (joined) h("a", { href: joined.download, download: "" }).click();
  });
  const build = async (pressed) => {
    const words = pressed.textContent;
    pressed.setAttribute("aria-busy", "true");
    pressed.disabled = true;
    pressed.textContent = "Joining the videos…";
    announce("Joining the videos.");
    try {
      return await get(`runs/${run.id}/chain`, { build: 1 });
    } catch (refusal) {
      toast(refusal instanceof Refusal ? refusal.message : "This did not work.");
      return null;
    } finally {
      pressed.removeAttribute("aria-busy");
      pressed.disabled = false;
      pressed.textContent = words;
    }
  };
  const start = async () => {
    const joined = await build(play);
    if (joined) showChain(joined, run, place, player());
  };
  return h("span", { class: "chain-acts" }, play, take);
}

function showChain({ parts, url, words }, run, place, own) {
  own.pause();
  const names = parts.map(({ number }) => number);
  const numbers = `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
  const frames = parts.reduce((sum, part) => sum + part.frames, 0);
  const clip = {
    src: url,
    poster: run.media.poster,
    frames,
    fps: run.fps,
    size: run.size,
    label: `Runs ${numbers} as one video`,
  };
  const film = syncPlayer([clip], { loop: false });
  const end = button("Back to this run alone", () => {
    film.pause();
    chain.replaceWith(single);
    single.querySelector("[data-playing]")?.focus();
  });
  const single = place.querySelector(".shows > .player");
  const told = h(
    "p",
    { class: "chain-words" },
    h("span", null, `Runs ${numbers} as one video, ${words.split(", ")[1]}.`),
    end,
  );
  film.pictures[0].addEventListener("click", () => film.toggle());
  const chain = h("div", { class: "player chain" }, film.pictures[0], film.transport, told);
  single.replaceWith(chain);
  film.toggle();
  chain.querySelector("[data-playing]")?.focus();
}
