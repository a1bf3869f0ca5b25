"use strict";
// Filters rows by what was chosen; without a script all rows are there, and the form is not.
const form = document.getElementById("filter");
const rows = [...document.querySelectorAll("main > details")].map((element) => ({
  element,
  kind: element.dataset.kind,
  dimensions: JSON.parse(element.dataset.dimensions),
  counts: JSON.parse(element.dataset.counts).map(String),
  text: undefined,
}));

function contains(row, wanted) {
  // Collected when it is first searched: a page may be long.
  row.text ??= row.element.textContent.toLowerCase();
  return row.text.includes(wanted);
}

function update() {
  const wanted = (name) => form.elements[name]?.value ?? "";
  const text = wanted("text").trim().toLowerCase();
  let shown = 0;
  for (const row of rows) {
    const fits =
      (!wanted("kind") || row.kind === wanted("kind")) &&
      (!wanted("dimension") || row.dimensions.includes(wanted("dimension"))) &&
      (!wanted("count") || row.counts.includes(wanted("count"))) &&
      (!text || contains(row, text));
    row.element.hidden = !fits;
    shown += fits;
  }
  form.elements.shown.value = `${shown} of ${rows.length} shown`;
  document.getElementById("nothing").hidden = shown > 0;
}

function fold(open) {
  for (const row of rows) {
    if (!row.element.hidden) row.element.open = open;
  }
}

form.addEventListener("input", update);
form.addEventListener("submit", (event) => event.preventDefault());
form.elements.open.addEventListener("click", () => fold(true));
form.elements.close.addEventListener("click", () => fold(false));
form.hidden = false;
update();
