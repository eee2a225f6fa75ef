// Addresses. What stands behind # is a view, or the name of a table, a row or a number; behind a ?, how the view is set.

const VIEWS = ["summary", "tables", "curves", "studies"];

function readable(text) {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return text;
    throw error;
  }
}

function parsed(hash) {
  const [name, ...rest] = hash.replace(/^#\/?/, "").split("?");
  return { name: readable(name), settings: new URLSearchParams(rest.join("?")) };
}

function address(name, settings) {
  const said = new URLSearchParams(settings).toString();
  return `#${encodeURI(name)}${said ? `?${said}` : ""}`;
}

// Settings that are empty are left out of an address.
function remember(name, settings) {
  const kept = settings.filter(([, value]) => value);
  history.replaceState(null, "", address(name, kept));
}

// T2 and 2 are table2, F5 is figure5, as on the command line.
function fullName(word) {
  const [, letter, number] = word.toLowerCase().match(/^([tf]?)(\d+)$/) ?? [];
  return number ? `${letter === "f" ? "figure" : "table"}${number}` : word;
}

// The element that a name leads to: its own, or the one row, and place of it, in which all of its words stand.
function found(name) {
  return at(name) ?? foundByWords(name);
}

function foundByWords(name) {
  const [, whole, run] = name.match(/^(.*?)(?:@([^@]*))?$/);
  const [table, ...rest] = whole.split(":");
  const wanted = fullName(table);
  const articles = [...document.querySelectorAll("article.table")].filter(
    (article) => article.dataset.name === wanted && (!run || article.dataset.of.startsWith(run)),
  );
  if (!rest.length) return articles[0] ?? null;
  for (const article of articles) {
    const element = elementIn(article, rest.join(":"));
    if (element) return element;
  }
  return null;
}

function elementIn(article, rest) {
  const slugs = [...article.querySelectorAll("thead th")].map((head) => head.dataset.slug);
  const said = rest.toLowerCase().split("/");
  const column = slugs.lastIndexOf(said.at(-1));
  const wanted = (column < 0 ? said : said.slice(0, -1)).map((word) => word.replaceAll("_", " "));
  const rows = [...article.querySelectorAll("tbody tr[id]")].filter((row) => {
    const words = wordsOf(row, Number(article.dataset.run));
    return wanted.every((word) => words.has(word));
  });
  if (rows.length !== 1) return null;
  return column < 0 ? rows[0] : rows[0].cells[column];
}

// What a row is called by: all that stands in it, and the cell and the method that it tells of.
function wordsOf(row, run) {
  const cell = cells[placeOf(run, (one) => one.id === row.dataset.cell)];
  const words = [row.dataset.cell, row.dataset.method, cell?.model, cell?.bit_width, cell?.hardware];
  const texts = [...row.cells].map((place) => place.textContent);
  return new Set([...words, ...texts].filter(Boolean).map((word) => word.toLowerCase().replaceAll("_", " ")));
}
