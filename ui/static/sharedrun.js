// Remix on a shared page leads here: `?remix=<token>&run=<id>` fills the form with that run, whoever opens it.

import { makeRoom } from "./drafts.js";
import { Refusal, get, visitor } from "./server.js";
import { toast } from "./toasts.js";

/** Fill the form as the address asks, once; the address forgets it, so that a reload does not ask again. */
export async function startFromLink(trigger) {
  const asked = new URLSearchParams(location.search);
  const [token, run] = [asked.get("remix"), asked.get("run") ?? ""];
  if (!token) return;
  for (const name of ["remix", "run"]) asked.delete(name);
  const rest = asked.toString();
  history.replaceState(history.state, "", `${location.pathname}${rest && `?${rest}`}${location.hash}`);
  try {
    await get(`shares/${encodeURIComponent(token)}/run`, { run });
  } catch (refusal) {
    return void toast(refusal instanceof Refusal ? refusal.message : "This did not work.");
  }
  makeRoom();
  trigger("shared", { token, run, visitor: visitor() });
}
