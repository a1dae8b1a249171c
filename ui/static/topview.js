// The camera path from above, as numbers from the server become lines.

import { s } from "./dom.js";

/** Draw what `ui/drawing.py` worked out: grid, view wedges, path, a tick a second, both ends, scale. */
export function topView(drawing) {
  return topViews({ ...drawing, paths: [drawing] });
}

/** Several paths that begin at the same place; the first is drawn as if it were alone, the others in ink. */
export function topViews(drawing) {
  const { size, paths } = drawing;
  const map = s(
    "svg",
    { class: "map", viewBox: `0 0 ${size} ${size}`, role: "img", "aria-label": drawing.sentence },
    ...drawing.grid.map((d) => s("path", { class: "g", d })),
  );
  const add = (kind, d) => d && map.append(s("path", { class: kind, d }));
  add("v", paths[0].first_view);
  for (const [index, path] of paths.entries()) {
    const other = index ? ` o${index}` : "";
    add(`v2${other}`, path.last_view);
    add(`p${other}`, path.path);
    for (const tick of path.ticks) add(`t${other}`, tick);
    add(`e${other}`, path.arrow);
  }
  map.append(s("circle", { class: "s", cx: paths[0].start[0], cy: paths[0].start[1], r: 3.2 }));
  if (drawing.scale) {
    add("b", drawing.scale.d);
    map.append(s("text", { x: drawing.scale.x, y: drawing.scale.y }, drawing.scale.label));
  }
  return map;
}
