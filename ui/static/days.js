// Days on the visitor's clock: which one a moment belongs to, and how a person names it.

const MONTHS = [
  ...["January", "February", "March", "April", "May", "June"],
  ...["July", "August", "September", "October", "November", "December"],
];
const WEEK = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const DAY_MS = 86_400_000;

/** How far this clock is ahead of UTC, in minutes: one figure for the whole gallery. */
export const OFFSET_MIN = -new Date().getTimezoneOffset();

const shifted = (milliseconds) => new Date(milliseconds + OFFSET_MIN * 60_000);

/** The day of a moment in UNIX seconds, as "2026-11-22". */
export function dayOf(seconds) {
  return shifted(1000 * seconds).toISOString().slice(0, 10);
}

/** A day in words, the first to be read first: ["Today", "22 November"]. */
export function dayWords(day) {
  const date = new Date(day);
  const words = `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]}`;
  const ago = Math.round((Date.parse(dayOf(Date.now() / 1000)) - date) / DAY_MS);
  if (ago === 0) return ["Today", words];
  if (ago === 1) return ["Yesterday", words];
  if (ago > 1 && ago < 7) return [WEEK[date.getUTCDay()], words];
  return [`${words} ${date.getUTCFullYear()}`, ""];
}
