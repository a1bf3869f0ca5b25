"use strict";
(() => {
  const { annotator, seed } = document.body.dataset;
  const articles = [...document.querySelectorAll("article")];
  const ids = articles.map((article) => article.querySelector("[data-id]").dataset.id);
  // Another sample has other ids, and so its own place in the store.
  const key = `trace-annotate/${annotator}/${seed}/${ids.join(",")}`;
  const fields = [...document.querySelectorAll("fieldset, textarea")];
  const name = (field) => field.dataset.comment ?? `${field.dataset.id}|${field.dataset.check}|${field.dataset.constraint}`;
  const slot = (field) => (field.matches("textarea") ? "comment|" : "") + name(field);
  const verdict = (field) => field.querySelector("input:checked")?.value ?? "";
  const count = document.getElementById("count");

  const load = () => {
    let kept = {};
    try {
      kept = JSON.parse(localStorage.getItem(key)) ?? {};
    } catch {
      count.dataset.problem = " (this browser keeps nothing: download before you close the page)";
    }
    for (const field of fields) {
      const value = kept[slot(field)];
      if (value === undefined) continue;
      if (field.matches("textarea")) field.value = value;
      else for (const input of field.querySelectorAll("input")) input.checked = input.value === value;
    }
  };

  const save = () => {
    const kept = {};
    for (const field of fields) {
      const value = field.matches("textarea") ? field.value : verdict(field);
      if (value) kept[slot(field)] = value;
    }
    try {
      localStorage.setItem(key, JSON.stringify(kept));
    } catch {
      count.dataset.problem = " (this browser keeps nothing: download before you close the page)";
    }
  };

  const open = (article) => [...article.querySelectorAll("fieldset")].find((field) => !verdict(field));

  const show = () => {
    for (const article of articles) article.classList.toggle("done", !open(article));
    for (const field of document.querySelectorAll("fieldset")) field.classList.toggle("no", verdict(field) === "no");
    const done = articles.filter((article) => !open(article)).length;
    const progress = document.getElementById("progress");
    progress.max = articles.length;
    progress.value = done;
    count.textContent = `${done} of ${articles.length} rows done${count.dataset.problem ?? ""}`;
  };

  // No spreadsheet takes a cell for a formula that begins with an apostrophe.
  const cell = (text) => (/^'*[=+\-@\t\r]/.test(text) ? `'${text}` : text);
  const quoted = (text) => `"${cell(text).replaceAll('"', '""')}"`;

  const table = () => {
    const lines = [["annotator", "id", "check", "constraint", "verdict", "comment"]];
    for (const article of articles) {
      const comment = article.querySelector("textarea").value;
      for (const field of article.querySelectorAll("fieldset")) {
        const { id, check, constraint } = field.dataset;
        lines.push([annotator, id, check, constraint, verdict(field), check === "valid" ? comment : ""]);
      }
    }
    return "\ufeff" + lines.map((line) => line.map(quoted).join(",") + "\r\n").join("");
  };

  document.addEventListener("input", () => { save(); show(); });
  document.getElementById("next").addEventListener("click", () => {
    const next = articles.map(open).find((field) => field);
    next?.scrollIntoView({ block: "center" });
    next?.querySelector("input").focus({ preventScroll: true });
  });
  document.getElementById("download").addEventListener("click", () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([table()], { type: "text/csv;charset=utf-8" }));
    link.download = `${annotator}-verdicts.csv`;
    link.click();
  });
  load();
  show();
})();
