// A text that is edited where it stands: leaving the field saves it, Escape takes it back.

/**
 * Put a field with `text` in place of what `place` shows. `save(text)` gives a promise of whether it was
 * taken; `end(byKey)` draws the place again. One line ends with Enter, several with Ctrl Enter.
 */
export function editInPlace(place, { text, label, hint, oneLine, maxlength, save, end }) {
  const field = document.createElement("textarea");
  field.className = "in-place";
  field.rows = 1;
  field.value = text;
  field.placeholder = hint ?? "";
  field.setAttribute("aria-label", label);
  if (maxlength) field.maxLength = maxlength;
  let [over, byKey] = [false, false];

  const finish = () => {
    over = true;
    end(byKey);
  };
  const leave = async () => {
    if (over) return;
    const written = oneLine ? field.value.replace(/\s+/g, " ").trim() : field.value.trim();
    if (written === text) return finish();
    over = true; // a second blur, while the first is being saved, sends nothing
    if (await save(written)) return finish();
    over = false; // what was written stays to be mended
    field.classList.add("unsaved");
  };
  field.addEventListener("input", () => grow(field));
  field.addEventListener("blur", leave);
  field.addEventListener("keydown", (event) => {
    const saves = event.key === "Enter" && (oneLine || event.ctrlKey || event.metaKey);
    event.stopPropagation(); // Ctrl Enter would generate, a letter would act on the cell
    if (event.key !== "Escape" && !saves) return;
    event.preventDefault();
    byKey = true;
    if (saves) field.blur();
    else finish();
  });
  place.replaceChildren(field);
  field.focus({ preventScroll: true });
  grow(field);
  return field;
}

function grow(field) {
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight}px`;
}
