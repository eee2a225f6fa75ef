// Numbers of the tables: each leads to the study behind it, which tells what it was made of.

const finalBest = (study) => study.trials.at(-1).best ?? null;
const bestRound = (study) => Math.max(0, study.trials.findIndex((trial) => (trial.best ?? null) === finalBest(study)));

// The studies of a method on a cell, the least value first; those that found nothing last.
function ranked(cell, method) {
  const of = cell.studies.filter((study) => study.method === method);
  const value = (study) => finalBest(study) ?? Infinity;
  return of.toSorted((a, b) => value(a) - value(b));
}

// The study in the middle of a method's; where the method has none there, the first of the cell.
function middle(cell, method) {
  const found = ranked(cell, method);
  const told = found.filter((study) => finalBest(study) != null);
  const of = told.length ? told : found;
  return of[(of.length - 1) >> 1] ?? cell.studies[0];
}

function linkNumbers() {
  for (const article of articles) {
    const run = Number(article.dataset.run);
    const heads = [...article.querySelectorAll("thead th")];
    for (const row of article.querySelectorAll("tr[data-cell]")) {
      const cell = cells[placeOf(run, (one) => one.id === row.dataset.cell)];
      if (!cell) continue;
      [...row.cells].forEach((place, i) => {
        if (!place.id || place.dataset.number == null || "key" in heads[i].dataset) return;
        const study = middle(cell, heads[i].dataset.method || row.dataset.method);
        const link = make("a", { href: `${studyHash(cell, study, bestRound(study))}?number=${encodeURIComponent(place.id)}` });
        link.append(...place.childNodes);
        place.append(link);
      });
    }
  }
}

// What the Studies view says of the number that led to it.
function showNumber(id) {
  const place = id && at(id);
  at("number").hidden = !place;
  if (!place) return;
  const head = headOf(place);
  const row = place.closest("tr");
  const cell = cells[placeOf(Number(place.closest("article").dataset.run), (one) => one.id === row.dataset.cell)];
  const where = location.href.replace(/#.*/, "") + address(id, []);
  at("number").replaceChildren(
    make("h2", { id: "number-title" }, place.textContent, " ", make("small", {}, head.textContent)),
    head.title ? make("p", { class: "about" }, `${head.title[0].toUpperCase()}${head.title.slice(1)}.`) : null,
    studiesBehind(cell, head.dataset.method || row.dataset.method, id),
    make(
      "div",
      { class: "tools" },
      make("label", {}, "Address of this number ", make("input", { readonly: true, value: where, onfocus: (event) => event.target.select() })),
      make("button", { type: "button", class: "plain", onclick: copy }, "Copy the address"),
      make("a", { href: address(id, []) }, "Back to the table"),
    ),
  );
}

function headOf(place) {
  return place.closest("table").tHead.rows[0].cells[place.cellIndex];
}

function studiesBehind(cell, method, id) {
  const of = ranked(cell, method);
  if (!of.length) return make("p", { class: "about" }, "No study of one method stands behind it: it is of the whole cell, or of what no method proposed.");
  const links = of.map((study) => {
    const href = `${studyHash(cell, study, bestRound(study))}?number=${encodeURIComponent(id)}`;
    const value = finalBest(study);
    return make("li", {}, make("a", { href }, `seed ${study.seed}`), value == null ? " nothing feasible" : ` ${best(cell, value)} ${cell.unit}`);
  });
  return make("div", {}, make("p", { class: "about" }, `The best of each study of ${called(cell, method)} on ${cell.id}:`), make("ul", { class: "behind-list" }, ...links));
}

async function copy(event) {
  const button = event.currentTarget;
  const field = button.parentElement.querySelector("input");
  field.select();
  const copied = navigator.clipboard ? await navigator.clipboard.writeText(field.value).then(() => true, () => false) : false;
  button.textContent = copied ? "Copied" : "Selected: copy it with the keyboard";
}
