// The camera path from above, as numbers from the server become lines.

import { s } from "./dom.js";

/** Draw what `ui/drawing.py` worked out: grid, view wedges, path, a tick a second, both ends, scale. */
export function topView(drawing) {
  const { size } = drawing;
  const lines = drawing.grid.map((d) => s("path", { class: "g", d }));
  const map = s(
    "svg",
    { class: "map", viewBox: `0 0 ${size} ${size}`, role: "img", "aria-label": drawing.sentence },
    ...lines,
  );
  const add = (kind, d) => d && map.append(s("path", { class: kind, d }));
  add("v", drawing.first_view);
  add("v2", drawing.last_view);
  add("p", drawing.path);
  for (const tick of drawing.ticks) add("t", tick);
  add("e", drawing.arrow);
  map.append(s("circle", { class: "s", cx: drawing.start[0], cy: drawing.start[1], r: 3.2 }));
  if (drawing.scale) {
    add("b", drawing.scale.d);
    map.append(s("text", { x: drawing.scale.x, y: drawing.scale.y }, drawing.scale.label));
  }
  return map;
}
