// One connection for the whole page: the server says what changed, every cell hears it from here.

import { get, placed, renewSession, session, url } from "./server.js";

const FIRST_EVENT_MS = 3000; // proxies that hold back a stream: then ask instead
const POLL_MS = 1000;
const RETRY_MS = [300, 600, 1000, 2000];

/** Follow the notebook. `onEvent` gets {rev, runs, state}; `onLink` gets null, or the time the link was lost. */
export function follow(onEvent, onLink) {
  let rev = null;
  let failures = 0;
  let lostAt = null;

  function hear(event) {
    rev = event.rev;
    failures = 0;
    if (lostAt) onLink((lostAt = null));
    onEvent(event);
  }

  function lost() {
    lostAt ??= new Date();
    onLink(lostAt);
    const wait = RETRY_MS[Math.min(failures++, RETRY_MS.length - 1)];
    setTimeout(open, wait);
  }

  async function open() {
    let address;
    try {
      const known = await (failures ? renewSession() : session());
      rev ??= known.rev; // taken before the runs were read: what changed since is told
      address = new URL(url(known.events));
    } catch {
      return lost();
    }
    address.searchParams.set("after", rev);
    listen(address);
  }

  function listen(address) {
    const source = new EventSource(address);
    const silence = setTimeout(() => {
      source.close();
      poll();
    }, FIRST_EVENT_MS);
    source.addEventListener("change", (message) => {
      clearTimeout(silence);
      hear(placed(JSON.parse(message.data)));
    });
    source.addEventListener("error", () => {
      clearTimeout(silence);
      source.close();
      lost();
    });
  }

  async function poll() {
    try {
      hear(await get("changes", { after: rev }));
      setTimeout(poll, POLL_MS);
    } catch {
      lost();
    }
  }

  open();
}
