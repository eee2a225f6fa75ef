// Tables that sort by their headings and filter by words. The rows themselves are HTML already.

const articles = [...document.querySelectorAll("article.table")];
const sieve = { filter: "", wide: false, sorted: new Map(), at: "tables" };
const rowsOf = (article) => [...article.querySelectorAll("tbody tr:not(.over)")];
const orders = new Map(articles.flatMap(rowsOf).map((row, place) => [row, place]));

// Numbers as numbers and before words, words by the alphabet, empty cells last whichever way it goes.
function compare(a, b, sign) {
  const [one, other] = [a.textContent, b.textContent];
  if (!one || !other) return one ? -1 : other ? 1 : 0;
  const [x, y] = [a, b].map((cell) => cell.dataset.number);
  if (x != null && y != null) return sign * (Number(x) - Number(y));
  if (x != null || y != null) return x != null ? -1 : 1;
  return sign * one.localeCompare(other, "en", { numeric: true });
}

// A heading sorts the best first, then the worst, then as written; each block by itself, since it is of one cell.
function sortable(article) {
  for (const head of article.querySelectorAll("thead th")) {
    const button = make("button", { type: "button" }, head.textContent);
    button.addEventListener("click", () => {
      const now = sieve.sorted.get(article.id);
      const next = now?.slug !== head.dataset.slug ? { slug: head.dataset.slug, worst: false } : now.worst ? null : { ...now, worst: true };
      if (next) sieve.sorted.set(article.id, next);
      else sieve.sorted.delete(article.id);
      sort(article);
      keep();
    });
    head.replaceChildren(button);
  }
}

function sort(article) {
  const heads = [...article.querySelectorAll("thead th")];
  const { slug, worst } = sieve.sorted.get(article.id) ?? {};
  const column = heads.findIndex((head) => head.dataset.slug === slug);
  heads.forEach((head) => head.removeAttribute("aria-sort"));
  const upwards = column >= 0 && (!isNumeric(heads[column]) || "less" in heads[column].dataset) !== worst;
  if (column >= 0) heads[column].setAttribute("aria-sort", upwards ? "ascending" : "descending");
  for (const body of article.querySelectorAll("tbody")) {
    const rows = [...body.rows].filter((row) => !row.matches(".over"));
    rows.sort((a, b) => (column < 0 ? orders.get(a) - orders.get(b) : compare(a.cells[column], b.cells[column], upwards ? 1 : -1)));
    body.append(...rows);
  }
}

const isNumeric = (head) => head.classList.contains("number");

function sift() {
  const words = sieve.filter.toLowerCase().split(/\s+/).filter(Boolean);
  for (const article of articles) {
    const title = article.querySelector("h3").textContent;
    for (const body of article.querySelectorAll("tbody")) {
      const over = body.querySelector(".over");
      const rows = [...body.rows].filter((row) => row !== over);
      for (const row of rows) row.hidden = !matches(words, [...row.cells, over ?? "", title]);
      if (over) over.hidden = rows.every((row) => row.hidden);
    }
    article.hidden = words.length > 0 && rowsOf(article).every((row) => row.hidden);
  }
  for (const row of document.querySelectorAll("#summary .brief tbody tr")) row.hidden = !matches(words, [...row.cells]);
  const all = articles.flatMap(rowsOf);
  const left = all.filter((row) => !row.hidden).length;
  at("left").textContent = left === all.length ? counted(left, "row", "rows") : `${left} of ${counted(all.length, "row", "rows")}`;
}

function matches(words, parts) {
  const text = parts.map((part) => part.textContent ?? part).join("\n").toLowerCase();
  return words.every((word) => text.includes(word));
}

function widen() {
  for (const article of articles) article.classList.toggle("whole", sieve.wide);
}

// The settings as an address holds them: sort=TABLE:COLUMN, and :worst where the worst comes first.
function keep() {
  const sorted = [...sieve.sorted].map(([table, { slug, worst }]) => ["sort", `${table}:${slug}${worst ? ":worst" : ""}`]);
  remember(sieve.at, [["filter", sieve.filter], ["columns", sieve.wide ? "all" : ""], ...sorted]);
  for (const name of ["summary", "tables"]) document.querySelector(`nav a[href^="#${name}"]`).href = address(name, parsed(location.hash).settings);
}

function setTables(name, settings) {
  const sorted = settings.getAll("sort").map((text) => text.split(":"));
  sieve.at = name;
  sieve.filter = settings.get("filter") ?? "";
  sieve.wide = settings.get("columns") === "all";
  sieve.sorted = new Map(sorted.map(([table, slug, worst]) => [table, { slug, worst: worst === "worst" }]));
  at("filter").value = sieve.filter;
  at("wide").checked = sieve.wide;
  articles.forEach(sort);
  sift();
  widen();
}

// Scrolls an element of the tables into sight, below its headings, and marks it.
function mark(element) {
  document.querySelectorAll(".marked").forEach((other) => other.classList.remove("marked"));
  if (element?.closest(".wide")) {
    sieve.wide = at("wide").checked = true;
    widen();
  }
  if (!element) return scrollTo(0, 0);
  element.classList.add("marked");
  const frame = element.closest(".scroll");
  if (!frame) return element.scrollIntoView({ block: "start" });
  element.scrollIntoView({ block: "center", inline: "center" });
  frame.scrollIntoView({ block: "start" });
  element.scrollIntoView({ block: "nearest", inline: "nearest" });
}

function wireTables() {
  articles.forEach(sortable);
  at("filter").addEventListener("input", (event) => {
    sieve.filter = event.target.value;
    sift();
    keep();
  });
  at("wide").addEventListener("change", (event) => {
    sieve.wide = event.target.checked;
    widen();
    keep();
  });
}
