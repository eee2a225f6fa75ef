// Which view is shown, by the address's #; and light or dark.

const VIEWS = ["tables", "curves", "studies"];

function go(hash) {
  location.hash = hash;
}

// Where #curves:RUN:CELL and #studies:RUN:STUDY:ROUND lead; else an element of the tables, such as a number's own id.
function route() {
  const hash = decodeURIComponent(location.hash.slice(1));
  const [name, run, id, round] = hash.split(":");
  const view = VIEWS.includes(name) ? name : "tables";
  for (const other of VIEWS) at(other).hidden = other !== view;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${view}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (view === "curves") openCurves(placeOf(Number(run), (cell) => cell.id === id) ?? curves.cell);
  if (view === "studies") routeStudy(Number(run), id, Number(round ?? study.round));
  if (view === "tables" && hash && hash !== "tables") document.getElementById(hash)?.scrollIntoView({ block: "center", inline: "center" });
  else scrollTo(0, 0);
}

function placeOf(run, test) {
  const index = cells.findIndex((cell) => cell.number === run && test(cell));
  return index < 0 ? null : index;
}

function routeStudy(run, id, round) {
  const cell = placeOf(run, (one) => one.studies.some((s) => s.id === id));
  if (cell == null) openStudy(study.cell, study.index, study.round);
  else openStudy(cell, cells[cell].studies.findIndex((s) => s.id === id), round);
}

// The first study that an LLM answered is the one to begin with, where there is one.
function begin() {
  const cell = cells.findIndex((one) => one.studies.some((s) => s.answered_by));
  if (cell >= 0) Object.assign(study, { cell, index: cells[cell].studies.findIndex((s) => s.answered_by), round: 1 });
}

function wireTheme() {
  const root = document.documentElement;
  const button = at("theme");
  const dark = () => (root.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const label = () => (button.textContent = dark() ? "Light" : "Dark");
  button.hidden = false;
  button.addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    label();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", label);
  label();
}

for (const form of document.querySelectorAll("form")) form.addEventListener("submit", (event) => event.preventDefault());
wireTheme();
wireCurves();
wireStudies();
begin();
addEventListener("hashchange", route);
route();
