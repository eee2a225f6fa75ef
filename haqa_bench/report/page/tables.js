// Tables that sort by their headings and filter by words. The rows themselves are HTML already.

const NUMBER = /^[+\-]?\d[\d,]*(\.\d+)?(e[+\-]?\d+)?/i;

function numberIn(text) {
  const found = NUMBER.exec(text);
  return found ? Number(found[0].replaceAll(",", "")) : null;
}

// Numbers as numbers and before words, words by the alphabet, empty cells last whichever way it goes.
function compare(a, b, numeric, sign) {
  if (!a || !b) return a ? -1 : b ? 1 : 0;
  const [x, y] = numeric ? [numberIn(a), numberIn(b)] : [null, null];
  if (x != null && y != null) return sign * (x - y);
  if (x != null || y != null) return x != null ? -1 : 1;
  return sign * a.localeCompare(b, "en", { numeric: true });
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
      const numeric = head.classList.contains("number");
      const sign = next === "descending" ? -1 : 1;
      const text = (row) => row.cells[column].textContent;
      body.append(...(next === "none" ? rows : [...rows].sort((a, b) => compare(text(a), text(b), numeric, sign))));
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
