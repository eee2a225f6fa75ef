// Best so far and regret of one cell: a line for each method, values at one place for all.

const curves = { cell: 0, ledger: "proposals", chosen: null, xs: [], place: 0, methods: [] };
const CHARTS = { best: at("chart-best"), regret: at("chart-regret") };

// A study's (amount, best, regret) after each trial.
function pathOf(study, ledger) {
  return study.trials.map((trial, i) => ({ x: ledger === "proposals" ? i + 1 : (trial[ledger] ?? 0), best: trial.best, regret: trial.regret }));
}

// The last step that had spent no more than x.
const stepAt = (path, x) => path.findLast((step) => step.x <= x) ?? null;

function methodsOf(cell, ledger) {
  return [...new Set(cell.studies.map((study) => study.method))].map((name) => {
    const studies = cell.studies.filter((study) => study.method === name);
    return { name, studies, paths: studies.map((study) => pathOf(study, ledger)), class: colour(name) };
  });
}

function valuesAt(method, x, name) {
  return method.paths.map((path) => stepAt(path, x)?.[name] ?? null).filter((value) => value != null);
}

function amounts(methods, ledger) {
  const spent = methods.flatMap((m) => m.paths.flatMap((path) => path.map((step) => step.x)));
  const last = Math.max(...spent);
  if (ledger !== "spent_seconds") return Array.from({ length: last }, (_, i) => i + 1);
  return [...new Set(spent.filter((x) => x > 0))].sort((a, b) => a - b);
}

function lineOf(method, xs, name) {
  const points = xs.map((x) => [x, median(valuesAt(method, x, name))]).filter(([, value]) => value != null);
  return points.filter(([, value], i) => i === 0 || value !== points[i - 1][1]);
}

// Where several studies are, the least and the largest of them, wherever either changes.
function bandOf(method, xs, name) {
  if (method.paths.length < 2) return [];
  const steps = xs.map((x) => [x, valuesAt(method, x, name)]).filter(([, values]) => values.length);
  return steps.map(([x, values]) => [x, Math.min(...values), Math.max(...values)]);
}

const axisLabel = (cell, name) =>
  name === "best" ? `${cell.metric}, ${cell.unit}; ${cell.direction === "minimize" ? "less" : "more"} is better` : "regret, % of the best measured; less is better";

function drawCurves(name, width) {
  const cell = cells[curves.cell];
  const host = CHARTS[name];
  const { xs, methods } = curves;
  const lines = methods.map((method) => ({
    points: lineOf(method, xs, name),
    class: `${method.class}${curves.chosen && curves.chosen !== method.name ? " dim" : ""}`,
  }));
  const chosen = methods.find((method) => method.name === curves.chosen);
  const single = (chosen?.paths ?? []).map((path) => ({
    points: path.filter((step) => step[name] != null && step.x >= xs[0]).map((step) => [step.x, step[name]]),
    class: `${chosen.class} single`,
  }));
  const shaded = methods.filter((method) => !curves.chosen || curves.chosen === method.name);
  const kind = curves.chosen ? " chosen" : "";
  const bands = shaded.map((method) => ({ steps: bandOf(method, xs, name), class: method.class + kind })).filter(({ steps }) => steps.length);
  const values = [
    ...[...lines, ...single].flatMap((line) => line.points.map(([, value]) => value)),
    ...bands.flatMap(({ steps }) => steps.flatMap(([, low, high]) => [low, high])),
  ];
  host.parentElement.hidden = !values.length;
  host.drawn = null;
  if (!values.length) return;
  const optimum = name === "best" ? (cell.studies[0].optimum ?? null) : null;
  const seconds = curves.ledger === "spent_seconds";
  const drawn = chart({
    width,
    height: Math.round(Math.min(340, Math.max(240, width * 0.6))),
    x: { label: seconds ? "seconds (logarithmic)" : curves.ledger, range: [xs[0], xs.at(-1) + (seconds ? 0 : 0.5)], log: seconds, whole: !seconds },
    y: { label: axisLabel(cell, name), range: padded(optimum == null ? values : [...values, optimum], name === "best" ? null : 0), text: name === "best" ? digits : (share) => `${digits(100 * share)} %` },
    bands,
    lines: [...single, ...lines.toSorted((a, b) => b.class.includes("dim") - a.class.includes("dim"))],
    reference: optimum == null ? null : { y: optimum, label: "best measured" },
  });
  drawn.cursor = draw("line", { class: "cursor", y1: EDGE.top, y2: drawn.svg.height.baseVal.value - EDGE.bottom });
  drawn.dots = draw("g");
  drawn.tip = make("div", { class: "tip", hidden: true });
  drawn.svg.append(drawn.cursor, drawn.dots);
  host.replaceChildren(drawn.svg, drawn.tip);
  host.drawn = drawn;
}

const amountText = (x) => `${digits(x)} ${curves.ledger === "spent_seconds" ? "s" : x === 1 ? curves.ledger.slice(0, -1) : curves.ledger}`;

function read(name, x) {
  const text = name === "best" ? (value) => best(cells[curves.cell], value) : percent;
  const sign = name === "regret" || cells[curves.cell].direction === "minimize" ? 1 : -1;
  const found = curves.methods.map((method) => ({ method, value: median(valuesAt(method, x, name)) })).filter((f) => f.value != null);
  return found.sort((a, b) => sign * (a.value - b.value)).map((f) => ({ ...f, text: text(f.value) }));
}

// Shows the values at the current place: in the legend, and on the chart that is pointed at or has the focus.
function showPlace(active) {
  const x = curves.xs[curves.place];
  for (const [name, host] of Object.entries(CHARTS)) {
    if (!host.drawn) continue;
    const { drawn } = host;
    const values = read(name, x);
    const left = drawn.x(x);
    for (const end of ["x1", "x2"]) drawn.cursor.setAttribute(end, left);
    drawn.dots.replaceChildren(...values.map((f) => draw("circle", { class: `dot ${f.method.class}`, cx: left, cy: drawn.y(f.value), r: 3.5 })));
    host.setAttribute("aria-valuenow", curves.place);
    host.setAttribute("aria-valuetext", `${amountText(x)}: ${values.map((f) => `${called(cells[curves.cell], f.method.name)} ${f.text}`).join(", ")}`);
    drawn.tip.hidden = host !== active;
    const entries = values.map((f) => make("li", {}, make("i", { class: `swatch ${f.method.class}` }), called(cells[curves.cell], f.method.name), make("b", {}, f.text)));
    drawn.tip.replaceChildren(make("p", {}, amountText(x)), make("ul", {}, ...entries));
    const room = host.clientWidth - drawn.tip.offsetWidth;
    const beside = left > host.clientWidth / 2 ? left - drawn.tip.offsetWidth - 12 : left + 12;
    drawn.tip.style.left = `${Math.max(0, Math.min(room, beside))}px`;
  }
  fillLegend(x);
}

// The rows stay and only their texts change, so that a press on one of them meets it again when it ends.
function buildLegend() {
  const cell = cells[curves.cell];
  const rows = curves.methods.map((method) => {
    const seeds = method.studies.map((s) => make("a", { href: studyHash(cell, s, 0), "aria-label": `${called(cell, method.name)}, seed ${s.seed}` }, String(s.seed)));
    method.choose = make("button", { type: "button", class: "choose" }, make("i", { class: `swatch ${method.class}` }), called(cell, method.name));
    method.choose.addEventListener("click", () => choose(method.name));
    method.values = Array.from({ length: cell.ranged ? 3 : 4 }, () => make("td", { class: "number" }));
    return make("tr", {}, make("th", { scope: "row" }, method.choose), ...method.values, make("td", { class: "seeds" }, ...seeds));
  });
  const number = "number";
  const headings = [["Method"], [`Best, ${cell.unit}`, number], ["Range", number], ...(cell.ranged ? [] : [["Regret", number]]), ["n", number], ["Open seed"]];
  at("legend").replaceChildren(make("caption"), ...table(headings, rows));
}

function fillLegend(x) {
  at("legend").firstChild.textContent = `After ${amountText(x)}, medians over n studies`;
  for (const method of curves.methods) {
    const [found, regret] = [valuesAt(method, x, "best"), valuesAt(method, x, "regret")];
    const cell = cells[curves.cell];
    const texts = [
      best(cell, median(found)),
      found.length > 1 ? range(cell, found) : "",
      ...(cell.ranged ? [] : [regret.length ? percent(median(regret)) : "unknown"]),
      `${found.length} of ${method.studies.length}`,
    ];
    method.values.forEach((place, i) => (place.textContent = texts[i]));
    method.choose.setAttribute("aria-pressed", String(curves.chosen === method.name));
  }
}

function choose(name) {
  curves.chosen = curves.chosen === name ? null : name;
  redrawCurves();
  keepCurves();
}

// What is shown, in the address.
function keepCurves() {
  const cell = cells[curves.cell];
  remember(`curves:${cell.number}:${cell.id}`, [["against", curves.ledger === "proposals" ? "" : curves.ledger], ["method", curves.chosen]]);
}

function setCurves(index, settings) {
  const ledger = settings.get("against");
  const known = [...at("curves-ledger").options].some((option) => option.value === ledger);
  curves.ledger = at("curves-ledger").value = known ? ledger : "proposals";
  curves.chosen = settings.get("method");
  openCurves(index);
}

// Of studies through the relay, seconds hold the waiting for whoever answered.
function tellWaiting(cell) {
  const relayed = [...new Set(cell.studies.filter((study) => study.relayed).map((study) => study.method))];
  const hidden = curves.ledger !== "spent_seconds" || !relayed.length;
  at("curves-waiting").hidden = hidden;
  if (!hidden) at("curves-waiting").textContent = `Seconds of ${relayed.map((name) => called(cell, name)).join(", ")} are mostly waiting at the relay, which says nothing of an LLM's speed.`;
}

function openCurves(index = curves.cell) {
  curves.cell = index;
  const cell = cells[index];
  at("curves-cell").value = String(index);
  at("curves-about").textContent = objective(cell);
  const timed = cell.studies.some((study) => study.trials.some((trial) => trial.spent_seconds > 0));
  at("curves-ledger").querySelector("[value=spent_seconds]").disabled = !timed;
  if (!timed && curves.ledger === "spent_seconds") curves.ledger = at("curves-ledger").value = "proposals";
  tellWaiting(cell);
  curves.methods = methodsOf(cell, curves.ledger);
  curves.xs = amounts(curves.methods, curves.ledger);
  curves.place = curves.xs.length - 1;
  if (!curves.methods.some((method) => method.name === curves.chosen)) curves.chosen = null;
  buildLegend();
  redrawCurves();
}

function redrawCurves() {
  for (const [name, host] of Object.entries(CHARTS)) {
    host.setAttribute("aria-valuemax", curves.xs.length - 1);
    host.parentElement.hidden = false;
    if (host.clientWidth) drawCurves(name, Math.floor(host.clientWidth));
  }
  showPlace(null);
}

function moved(event) {
  const steps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10, Home: -1e9, End: 1e9 };
  if (!(event.key in steps)) return;
  event.preventDefault();
  curves.place = Math.min(curves.xs.length - 1, Math.max(0, curves.place + steps[event.key]));
  showPlace(event.currentTarget);
}

function pointed(event) {
  const host = event.currentTarget;
  const left = event.clientX - host.getBoundingClientRect().left;
  const away = curves.xs.map((x) => Math.abs(host.drawn.x(x) - left));
  curves.place = away.indexOf(Math.min(...away));
  showPlace(host);
}

function wireCurves() {
  cellOptions(at("curves-cell"));
  at("curves-cell").addEventListener("change", (event) => go(`curves:${cells[event.target.value].number}:${cells[event.target.value].id}`));
  at("curves-ledger").addEventListener("change", (event) => {
    curves.ledger = event.target.value;
    openCurves();
    keepCurves();
  });
  for (const [name, host] of Object.entries(CHARTS)) {
    const label = name === "best" ? "Best so far" : "Regret";
    filled(host, { tabindex: 0, role: "slider", "aria-label": `${label}, arrow keys move`, "aria-valuemin": 0 }, []);
    host.addEventListener("keydown", moved);
    host.addEventListener("focus", () => showPlace(host));
    host.addEventListener("blur", () => showPlace(null));
    host.addEventListener("pointermove", pointed);
    host.addEventListener("pointerdown", pointed);
    host.addEventListener("pointerleave", () => showPlace(document.activeElement === host ? host : null));
    whenSized(host, (width) => {
      drawCurves(name, width);
      showPlace(null);
    });
  }
}
