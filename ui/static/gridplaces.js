// Where every card of the gallery stands, by arithmetic alone: days below one another, in each the cards in rows.

const HEAD = 30; // pixels of a day's heading
const DAY_GAP = 40;
const WIDE = { least: 216, x: 16, y: 24, words: 74 }; // the least width, gaps, what stands under a picture
const NARROW = { least: 0, x: 12, y: 20, words: 92 }; // a phone: always two beside one another

/** The places of cards that know their `day`, in a list of some width. */
export function placesOf(cards, width, narrow) {
  const { least, x, y, words } = narrow ? NARROW : WIDE;
  const columns = least ? Math.max(1, Math.floor((width + x) / (least + x))) : 2;
  const card = (width - x * (columns - 1)) / columns;
  const height = Math.round((card * 9) / 16) + words;
  const groups = [];
  for (const [index, { day }] of cards.entries()) {
    if (groups.at(-1)?.day !== day) groups.push({ day, from: index });
    groups.at(-1).to = index + 1;
  }
  let top = 0;
  for (const group of groups) {
    group.top = top;
    group.rows = Math.ceil((group.to - group.from) / columns);
    top += HEAD + group.rows * (height + y) - y + DAY_GAP;
  }
  return { columns, width: card, height, x, y, groups, all: top };
}

/** The day a card stands in. */
export function groupAt(places, index) {
  return places.groups.find(({ to }) => index < to);
}

/** How far down a card stands. */
export function topOf(places, index) {
  const group = groupAt(places, index);
  return group.top + HEAD + rowOf(places, group, index) * (places.height + places.y);
}

const rowOf = ({ columns }, group, index) => Math.floor((index - group.from) / columns);

/** A card's box inside its day's list. */
export function boxOf({ columns, width, height, x, y }, group, index) {
  const [row, column] = [Math.floor((index - group.from) / columns), (index - group.from) % columns];
  return { left: column * (width + x), top: row * (height + y), width, height };
}

/** The first card that is seen between two heights, and one past the last. */
export function span(places, top, bottom) {
  const { columns, height, y, groups } = places;
  const step = height + y;
  let [first, last] = [Infinity, 0];
  for (const { top: begin, rows, from, to } of groups) {
    if (begin + HEAD + rows * step < top || begin > bottom) continue;
    const row = (at) => Math.max(0, Math.floor((at - begin - HEAD) / step));
    first = Math.min(first, from + row(top) * columns, to);
    last = Math.max(last, Math.min(to, from + (row(bottom) + 1) * columns));
  }
  return first < last ? [first, last] : [0, 0];
}

/** The card above or below another one, also across days; the same where there is none. */
export function beside(places, index, by) {
  const { columns, groups } = places;
  const at = groups.indexOf(groupAt(places, index));
  const group = groups[at];
  const [row, column] = [rowOf(places, group, index) + by, (index - group.from) % columns];
  if (row >= 0 && row < group.rows) return Math.min(group.from + row * columns + column, group.to - 1);
  const next = groups[at + by];
  if (!next) return index;
  return Math.min(next.from + (by > 0 ? 0 : next.rows - 1) * columns + column, next.to - 1);
}
