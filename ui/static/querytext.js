// What is typed into the search box, as terms: words, "phrases" and fields such as path:orbit or tag:"two words".

const TERM = /(?:[a-z]+:)?"[^"]*"?|\S+/gi;

/** The terms of a text, in order. */
export function terms(text) {
  return text.match(TERM) ?? [];
}

const same = (one, other) => one.toLowerCase() === other.toLowerCase();

/** Whether a text holds a term. */
export function holds(text, term) {
  return terms(text).some((one) => same(one, term));
}

/** The text with a term put in at its end, or taken out. */
export function toggled(text, term, on) {
  const others = terms(text).filter((one) => !same(one, term));
  return (on ? [...others, term] : others).join(" ");
}

/** Whether the trash is looked at. */
export function inTrash(text) {
  return holds(text, "is:trash");
}
