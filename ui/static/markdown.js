// Markdown that a person wrote, drawn from the nodes of ui/markdown.py: elements are built, no string is parsed.

import { h } from "./dom.js";

const TAGS = new Set(
  "p h2 h3 h4 ul ol li em strong code pre blockquote a hr br".split(" "), // as in ui/markdown.py
);
const ELSEWHERE = { target: "_blank", rel: "noopener noreferrer" };

/** The elements of nodes: each a string, or [tag, attributes, ...nodes]. */
export function drawNodes(nodes) {
  return nodes.map(draw);
}

function draw(node) {
  if (typeof node === "string") return node;
  const [tag, { href, start }, ...inner] = node;
  if (!TAGS.has(tag)) return h("p", null, ...drawNodes(inner));
  const away = href && !href.startsWith("#") && ELSEWHERE;
  return h(tag, { href, start, ...away }, ...drawNodes(inner));
}
