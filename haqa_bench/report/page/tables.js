// Tables that sort by their headings and filter by words. The rows themselves are HTML already.

// Numbers as numbers and before words, words by the alphabet, empty cells last whichever way it goes.
function compare(a, b, sign) {
  const [one, other] = [a.textContent, b.textContent];
  if (!one || !other) return one ? -1 : other ? 1 : 0;
  const [x, y] = [a, b].map((cell) => cell.dataset.number);
  if (x != null && y != null) return sign * (Number(x) - Number(y));
  if (x != null || y != null) return x != null ? -1 : 1;
  return sign * one.localeCompare(other, "en", { numeric: true });
}

function sortable(article) {
  const body = article.querySelector("tbody");
  const rows = [...body.rows];
  const heads = [...article.querySelectorAll("thead th")];
  heads.forEach((head, column) => {
    const button = make("button", { type: "button" }, head.textContent);
    button.addEventListener("click", () => {
      const next = { none: "ascending", ascending: "descending", descending: "none" }[head.getAttribute("aria-sort") ?? "none"];
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      if (next !== "none") head.setAttribute("aria-sort", next);
      const sign = next === "descending" ? -1 : 1;
      const ordered = [...rows].sort((a, b) => compare(a.cells[column], b.cells[column], sign));
      body.append(...(next === "none" ? rows : ordered));
      quieten(body);
    });
    head.replaceChildren(button);
  });
}

function filterable(article) {
  const tools = article.querySelector(".tools");
  const rows = [...article.querySelector("tbody").rows];
  const field = tools.querySelector("input");
  tools.hidden = false;
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of rows) {
      const text = [...row.cells].map((cell) => cell.textContent.toLowerCase()).join("\n");
      row.hidden = !words.every((word) => text.includes(word));
    }
    const left = rows.filter((row) => !row.hidden).length;
    const all = counted(rows.length, "row", "rows");
    tools.querySelector("output").textContent = left === rows.length ? all : `${left} of ${all}`;
    quieten(rows[0]?.parentElement);
  });
}

// Words that repeat those above them stand back, so that what changes is seen.
function quieten(body) {
  let above = null;
  for (const row of body?.rows ?? []) {
    if (row.hidden) continue;
    let same = above != null;
    [...row.cells].forEach((cell, i) => {
      same = same && cell.textContent === above.cells[i].textContent;
      cell.classList.toggle("same", same);
    });
    above = row;
  }
}

for (const article of document.querySelectorAll("article.table")) {
  sortable(article);
  filterable(article);
  quieten(article.querySelector("tbody"));
}
