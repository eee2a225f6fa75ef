// Which view is shown, by the address; and light or dark.

function go(hash) {
  location.hash = hash;
}

function route() {
  const { name, settings } = parsed(location.hash);
  const [view, run, id, round] = name.split(":");
  if (name === "main") return;
  at("lost").hidden = true;
  if (view === "curves") {
    show(view);
    setCurves(chosenOr(placeOf(Number(run), (cell) => cell.id === id), curves.cell), settings);
    scrollTo(0, 0);
  } else if (view === "studies") {
    show(view);
    study.number = settings.get("number") ?? "";
    showNumber(study.number);
    routeStudy(Number(run), id, Number(round ?? study.round));
    scrollTo(0, 0);
  } else {
    routeTables(name, settings);
  }
}

const chosenOr = (index, other) => (index < 0 ? other : index);

// The summary, the tables, or whatever stands in them. The summary where nothing is asked for.
function routeTables(name, settings) {
  const wanted = name || "summary";
  const element = VIEWS.includes(wanted) ? null : found(wanted);
  setTables(wanted, settings);
  show(element?.closest(".view")?.id ?? (wanted === "tables" ? "tables" : "summary"));
  if (!element && !VIEWS.includes(wanted)) tellLost(wanted);
  mark(element);
}

function tellLost(name) {
  at("lost").hidden = false;
  at("lost").textContent = `Nothing on this page is called ${name}. An address is TABLE:CELL/METHOD/COLUMN, such as ${document.querySelector("#tables td[id]")?.id ?? "table2"}.`;
}

function show(view) {
  for (const other of VIEWS) at(other).hidden = other !== view;
  at("tools").hidden = !["summary", "tables"].includes(view);
  at("tools").querySelector(".switch").hidden = view !== "tables";
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash.split("?")[0] === `#${view}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

function routeStudy(run, id, round) {
  const cell = placeOf(run, (one) => one.studies.some((s) => s.id === id));
  if (cell < 0) openStudy(study.cell, study.index, study.round);
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
wireTables();
linkNumbers();
wireCurves();
wireStudies();
begin();
addEventListener("hashchange", route);
route();
