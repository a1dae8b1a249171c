// Bundles: runs or a notebook as one file that plays without the program, and such a file chosen to be brought in.

import { attempt } from "./acts.js";
import { h } from "./dom.js";
import { offerImport } from "./importdialog.js";
import { post } from "./server.js";
import { toast } from "./toasts.js";

/** Save a bundle of {runs: ids} or {notebook: id}; the browser shows how far it is. */
export async function downloadBundle(what) {
  const answer = await attempt(() => post("bundles", what));
  if (!answer) return;
  h("a", { href: answer.url, download: answer.name }).click();
  toast(`${answer.name} is being saved.`);
}

/** Choose a bundle on this computer and bring it in. */
export function chooseBundle() {
  const field = h("input", { type: "file", accept: ".zip,application/zip" });
  field.addEventListener("change", () => field.files[0] && offerImport(field.files[0]));
  field.click();
}
