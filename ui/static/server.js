// Talking to Wanderbook's own routes, which all lie beside this file under /gradio_api/wm/.

const BASE = new URL("../../", import.meta.url);
const ROOT = "/gradio_api/wm/"; // what the server's addresses begin with
const VISITOR = "wanderbook.visitor";
const OWNER = "wanderbook.owner";

/** What the server refused, as a sentence for the page and the field it belongs to. */
export class Refusal extends Error {
  constructor(message, field = "", fix = null) {
    super(message);
    this.field = field;
    this.fix = fix;
  }
}

/** 128 random bits in hexadecimal; also on plain http, where randomUUID is missing. */
export function randomKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

let remembered = "";

/** The key of this visitor, made at the first visit and kept in this browser; the owner's, once entered. */
export function visitor() {
  if (remembered) return remembered;
  try {
    remembered = localStorage.getItem(OWNER) || localStorage.getItem(VISITOR) || "";
    if (!remembered) localStorage.setItem(VISITOR, (remembered = randomKey()));
  } catch {
    remembered ||= randomKey(); // storage is blocked: the key lives as long as the page
  }
  return remembered;
}

/** Ask with the owner's key from now on, in this browser; with none, as the visitor from before. */
export function enterKey(key) {
  remembered = key;
  try {
    if (key) localStorage.setItem(OWNER, key);
    else localStorage.removeItem(OWNER);
  } catch {
    // storage is blocked: the key lives as long as the page
  }
}

export function url(path) {
  return new URL(path, BASE).href;
}

/** What the server said, its addresses below the path of their own that a proxy may show the page under. */
export function placed(value) {
  if (BASE.pathname === ROOT) return value;
  if (typeof value === "string") return value.startsWith(ROOT) ? BASE.pathname + value.slice(ROOT.length) : value;
  if (Array.isArray(value)) return value.map(placed);
  if (!value || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, placed(one)]));
}

async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(url(path), {
      ...options,
      credentials: "omit",
      headers: { "X-Wanderbook-Visitor": visitor(), ...options.headers },
    });
  } catch {
    throw new Refusal("Wanderbook does not answer. What you filled in is still here.");
  }
  const value = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    const sentence = value.error ?? `Wanderbook answered with an error (${answer.status}).`;
    throw new Refusal(sentence, value.field, value.fix);
  }
  return placed(value);
}

export function get(path, query = {}) {
  const parameters = new URLSearchParams(query).toString();
  return ask(parameters ? `${path}?${parameters}` : path, { method: "GET" });
}

/** Send a change; `options` are those of fetch, as keepalive for one that must outlive the page. */
export function post(path, body = {}, options = {}) {
  const headers = { "Content-Type": "application/json" };
  return ask(path, { ...options, method: "POST", headers, body: JSON.stringify(body) });
}

/** Send a file as it is, to one of the routes that take bytes. */
export function sendFile(path, file) {
  const headers = {
    "Content-Type": "application/octet-stream",
    "X-File-Name": encodeURIComponent(file.name || "picture"),
  };
  return ask(path, { method: "POST", headers, body: file });
}

let opened = null;

/** What this page needs once: the event address, the examples, the state of the model. */
export function session() {
  opened ??= get("session").catch((refusal) => {
    opened = null;
    throw refusal;
  });
  return opened;
}

/** Forget the session, so that the next call asks for fresh addresses. */
export function renewSession() {
  opened = null;
  return session();
}
