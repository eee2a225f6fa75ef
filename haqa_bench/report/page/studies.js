// One study, round by round: what was proposed and why, what came of it, and the prompt that was sent.

const study = { cell: 0, index: 0, round: 0, width: 0, opened: new Set(), number: "" };
const outcomeOf = (trial) => cells[study.cell].outcomes[trial.outcome];
const current = () => cells[study.cell].studies[study.index];
const studyHash = (cell, one, round) => `#studies:${cell.number}:${one.id}:${round}`;
const written = (value) => (typeof value === "string" ? value : JSON.stringify(value));

function openStudy(cell, index, round) {
  Object.assign(study, { cell, index });
  const { studies } = cells[cell];
  at("study-cell").value = String(cell);
  const names = [...new Set(studies.map((one) => one.method))];
  at("study-method").replaceChildren(...names.map((name) => make("option", { value: name }, called(cells[cell], name))));
  at("study-method").value = current().method;
  const same = studies.flatMap((one, i) => (one.method === current().method ? [make("option", { value: i }, String(one.seed))] : []));
  at("study-seed").replaceChildren(...same);
  at("study-seed").value = String(index);
  const who = current().answered_by;
  at("study-about").textContent = objective(cells[cell]) + (who ? ` Answered by: ${who}.` : "");
  at("rounds").replaceChildren(...current().trials.map(roundButton));
  showRound(round);
}

// What a round came to, in a word.
function verdict(trial, number) {
  const outcome = outcomeOf(trial);
  if (outcome.status !== "ok") return { word: outcome.status.replace("_", " "), kind: "bad" };
  if (trial.repeat_of != null) return { word: `repeat of round ${trial.repeat_of}`, kind: "plain" };
  if (!outcome.feasible) return { word: "breaks a constraint", kind: "bad" };
  if (number === 0) return { word: "the default", kind: "plain" };
  const before = current().trials[number - 1].best;
  return trial.best !== before ? { word: "new best", kind: "good" } : { word: "no better", kind: "plain" };
}

function roundButton(trial, number) {
  const { word, kind } = verdict(trial, number);
  const button = make("button", { type: "button", class: kind, "aria-label": `Round ${number}, ${word}`, title: word }, String(number));
  button.addEventListener("click", () => step(number));
  return make("li", {}, button);
}

function step(round) {
  const last = current().trials.length - 1;
  showRound(Math.min(last, Math.max(0, round)));
  history.replaceState(null, "", studyHash(cells[study.cell], current(), study.round) + (study.number ? `?number=${encodeURIComponent(study.number)}` : ""));
}

function showRound(wanted) {
  const { trials } = current();
  study.round = Math.min(trials.length - 1, Math.max(0, wanted));
  at("previous").disabled = study.round === 0;
  at("next").disabled = study.round === trials.length - 1;
  [...at("rounds").children].forEach((item, i) => {
    item.firstChild.toggleAttribute("data-current", i === study.round);
    if (i === study.round) item.firstChild.setAttribute("aria-current", "step");
    else item.firstChild.removeAttribute("aria-current");
  });
  const list = at("rounds");
  const item = list.children[study.round];
  list.scrollLeft = item.offsetLeft - list.offsetLeft - (list.clientWidth - item.offsetWidth) / 2;
  at("round").replaceChildren(outcomePart(), ...(current().answered_by ? [promptPart()] : []));
  const { word } = verdict(trials[study.round], study.round);
  at("said").textContent = `Round ${study.round} of ${trials.length - 1}, ${word}`;
  drawStudy();
}

function outcomePart() {
  const trial = current().trials[study.round];
  const outcome = outcomeOf(trial);
  const { word, kind } = verdict(trial, study.round);
  return make(
    "section",
    { class: "outcome", "aria-labelledby": "round-title" },
    make("h2", { id: "round-title" }, `Round ${study.round} of ${current().trials.length - 1} `, make("span", { class: `badge ${kind}` }, word)),
    outcome.reason ? make("p", { class: "reason" }, outcome.reason) : null,
    figures(trial, outcome),
    training(outcome),
    trial.thought ? make("blockquote", {}, make("p", {}, trial.thought)) : null,
    version(trial, outcome),
    configuration(outcome),
    outcome.metrics ? metrics(outcome) : null,
    facts(outcome),
  );
}

// A source that is new, as a diff, with what came of it.
function version(trial, outcome) {
  if (!trial.diff) return null;
  const cell = cells[study.cell];
  const came = outcome.value == null ? "" : `, ${cell.metric} ${best(cell, outcome.value)} ${cell.unit}`;
  const summary = `The code, against the version that it came from: ${outcome.status.replace("_", " ")}${came}`;
  return make("details", {}, make("summary", {}, summary), make("pre", {}, trial.diff));
}

function figures(trial, outcome) {
  const cell = cells[study.cell];
  const entries = [
    [cell.metric, outcome.value == null ? "none" : `${best(cell, outcome.value)} ${cell.unit}`],
    ["Best so far", trial.best == null ? "none" : `${best(cell, trial.best)} ${cell.unit}`],
    ...(cell.ranged ? [] : [["Regret", percent(trial.regret)], ["Rank in the table", outcome.rank == null ? "none" : String(outcome.rank)]]),
    ["Measuring took", trial.seconds == null ? "unknown" : `${digits(trial.seconds)} s`],
    ...(trial.llm_seconds == null ? [] : [[current().relayed ? "Waited at the relay" : "The LLM took", `${digits(trial.llm_seconds)} s`]]),
    ...(trial.tokens == null ? [] : [["LLM tokens", digits(trial.tokens)]]),
    ...(trial.dollars == null ? [] : [["LLM cost", `$${digits(trial.dollars)}`]]),
  ];
  return make("dl", { class: "figures" }, ...entries.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));
}

// How the loss of a training fell; in words for who does not see it. One that diverged ends in a cross.
function training(outcome) {
  const points = outcome.curve ?? [];
  if (!points.length) return null;
  const inEpochs = points.every(([, epoch]) => epoch != null);
  const places = points.map(([step, epoch]) => (inEpochs ? epoch : step));
  const losses = points.map(([, , loss]) => loss);
  const diverged = outcome.status !== "ok";
  const { svg, x, y } = chart({
    width: 420,
    height: 190,
    x: { label: inEpochs ? "epoch" : "step", range: [0, places.at(-1)], whole: !inEpochs },
    y: { label: "training loss, nats", range: padded(losses), text: digits },
    lines: [],
  });
  const path = places.map((place, i) => `${i ? "L" : "M"}${x(place).toFixed(1)} ${y(losses[i]).toFixed(1)}`).join("");
  svg.append(draw("path", { class: "line best", d: path }));
  places.forEach((place, i) => {
    const [cx, cy] = [x(place), y(losses[i])];
    const last = diverged && i === places.length - 1;
    const mark = last ? draw("path", { class: "cross", d: `M${cx - 5} ${cy - 5}l10 10m0 -10l-10 10` }) : draw("circle", { class: "dot", cx, cy, r: 3 });
    mark.append(draw("title", {}, `${inEpochs ? "epoch" : "step"} ${digits(place)}: ${digits(losses[i])} nats`));
    svg.append(mark);
  });
  const words = `${losses.length} means over ${digits(points.at(-1)[0])} steps${inEpochs ? `, ${digits(places.at(-1))} ${places.at(-1) === 1 ? "epoch" : "epochs"}` : ""}: ${losses.map(digits).join(", ")} nats${diverged ? "; then it ended: " + outcome.status.replace("_", " ") : ""}.`;
  return make(
    "figure",
    { class: "training" },
    make("figcaption", {}, diverged ? "Training loss until it ended" : "Training loss"),
    make("div", { class: "chart", role: "img", "aria-label": `Training loss, ${words}` }, svg),
  );
}

function configuration(outcome) {
  if (outcome.configuration == null) return make("p", { class: "reason" }, "No configuration was proposed.");
  const usual = cells[study.cell].default;
  const before = study.round ? outcomeOf(current().trials[study.round - 1]).configuration : null;
  const rows = Object.entries(outcome.configuration).map(([name, value]) => {
    const changed = before && written(before[name]) !== written(value);
    const other = written(usual[name]) !== written(value);
    return make(
      "tr",
      {},
      make("th", { scope: "row" }, name),
      make("td", { class: `code${other ? " strong" : ""}` }, written(value), changed ? make("span", { class: "changed" }, " changed") : null),
      make("td", { class: "code same" }, written(usual[name])),
    );
  });
  return box("Configuration", ...table([["Parameter"], ["Value"], ["Default"]], rows));
}

function metrics(outcome) {
  const rows = outcome.metrics.map(([name, value, unit, source, n]) =>
    make(
      "tr",
      {},
      make("th", { scope: "row" }, name),
      make("td", { class: "number" }, told(cells[study.cell], name, value)),
      make("td", {}, unit === "1" ? "" : unit),
      make("td", {}, source),
      make("td", { class: "number" }, String(n)),
    ),
  );
  return box("Metrics", ...table([["Metric"], ["Value", "number"], ["Unit"], ["Source"], ["n", "number"]], rows));
}

function box(caption, ...parts) {
  const inner = make("table", { class: "small" }, make("caption", {}, caption), ...parts);
  return make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption }, inner);
}

function facts(outcome) {
  const entries = Object.entries(outcome.facts ?? {});
  if (!entries.length) return null;
  const list = entries.flatMap(([name, text]) => [make("dt", {}, name), make("dd", { class: "code" }, text)]);
  return fold("facts", "What took effect", make("dl", { class: "facts" }, ...list));
}

// A <details> that stays as it was left from round to round.
function fold(key, title, ...parts) {
  const details = make("details", { open: study.opened.has(key) }, make("summary", {}, title), ...parts);
  details.addEventListener("toggle", () => study.opened[details.open ? "add" : "delete"](key));
  return details;
}

// The system prompt, which is long and the same each time, is folded; a repair shows only what it adds.
function promptPart() {
  const { cassette, exchanges = [] } = current();
  const here = exchanges.filter((exchange) => exchange.round === study.round);
  const parts = [make("h2", {}, "Prompt and reply")];
  if (here.length) parts.push(make("p", { class: "about" }, `As recorded in ${cassette}.`));
  else parts.push(make("p", { class: "about" }, nothingSent(exchanges)));
  let shown = 0;
  for (const exchange of here) {
    if (exchange.attempt > 1) parts.push(make("h3", {}, `Attempt ${exchange.attempt}`));
    parts.push(...asked(exchange, shown));
    parts.push(message("reply", textOf(exchange.reply), exchange.attempt));
    shown = exchange.messages.length;
  }
  return make("section", { class: "prompt" }, ...parts);
}

// Of a conversation, all turns but the last are folded. A repair is sent with the reply that it is of, which is shown already.
function asked(exchange, shown) {
  const told = ([role, text]) => message(role, textOf(text), exchange.attempt);
  const fresh = exchange.messages.slice(shown);
  if (shown) return fresh.filter(([role]) => role !== "assistant").map(told);
  const turns = fresh.filter(([role]) => role !== "system");
  const earlier = turns.slice(0, -1);
  const folded = earlier.length ? [fold("turns", `Earlier turns, ${digits(earlier.length)} messages`, ...earlier.map(told))] : [];
  return [...fresh.filter(([role]) => role === "system").map(told), ...folded, ...turns.slice(-1).map(told)];
}

function nothingSent(exchanges) {
  if (!exchanges.length) return "There is no cassette of this study here.";
  return study.round === 0 ? "The default comes first: nothing was asked." : "Nothing was asked for this round alone.";
}

function message(role, text, attempt) {
  const body = make("pre", { tabindex: 0, role: "region", "aria-label": `${role}, attempt ${attempt}` }, text || "(empty)");
  if (role === "system") return fold("system", `System prompt, ${digits(text.length)} characters`, body);
  return make("div", { class: `message ${role}` }, make("h3", {}, ["reply", "assistant"].includes(role) ? "Reply" : "Prompt"), body);
}

function drawStudy(width = study.width) {
  study.width = width;
  const cell = cells[study.cell];
  const { trials, optimum } = current();
  const values = trials.map((trial) => outcomeOf(trial).value);
  const known = [...values, optimum].filter((value) => value != null);
  at("study-chart").hidden = !values.some((value) => value != null);
  if (!width || !known.length) return;
  const { svg, x, y } = chart({
    width,
    height: 200,
    x: { label: "round", range: [0, trials.length - 1], whole: true },
    y: { label: `${cell.metric}, ${cell.unit}`, range: padded(known), text: digits },
    lines: [{ points: trials.flatMap((trial, i) => (trial.best == null ? [] : [[i, trial.best]])), class: "best" }],
    reference: optimum == null ? null : { y: optimum, label: "best measured" },
  });
  const bottom = 200 - EDGE.bottom;
  svg.prepend(draw("line", { class: "cursor", x1: x(study.round), x2: x(study.round), y1: EDGE.top, y2: bottom }));
  trials.forEach((trial, i) => {
    const { kind, word } = verdict(trial, i);
    const mark =
      values[i] == null
        ? draw("path", { class: "cross", d: `M${x(i) - 4} ${bottom - 10}l8 8m0 -8l-8 8` })
        : draw("circle", { class: `mark ${kind}`, cx: x(i), cy: y(values[i]), r: i === study.round ? 7 : 4.5 });
    mark.append(draw("title", {}, `Round ${i}: ${word}${values[i] == null ? "" : `, ${best(cell, values[i])} ${cell.unit}`}`));
    svg.append(mark);
  });
  svg.addEventListener("click", (event) => {
    const left = event.clientX - svg.getBoundingClientRect().left;
    const away = trials.map((_, i) => Math.abs(x(i) - left));
    step(away.indexOf(Math.min(...away)));
  });
  at("study-chart").replaceChildren(svg);
}

function goStudy(cell, index) {
  go(studyHash(cells[cell], cells[cell].studies[index], study.round).slice(1));
}

function wireStudies() {
  cellOptions(at("study-cell"));
  const alike = (cell, method, seed) => {
    const { studies } = cells[cell];
    const sameMethod = studies.findIndex((one) => one.method === method);
    const exact = studies.findIndex((one) => one.method === method && one.seed === seed);
    return exact >= 0 ? exact : Math.max(0, sameMethod);
  };
  at("study-cell").addEventListener("change", (e) => goStudy(Number(e.target.value), alike(Number(e.target.value), current().method, current().seed)));
  at("study-method").addEventListener("change", (e) => goStudy(study.cell, alike(study.cell, e.target.value, current().seed)));
  at("study-seed").addEventListener("change", (e) => goStudy(study.cell, Number(e.target.value)));
  at("previous").addEventListener("click", () => step(study.round - 1));
  at("next").addEventListener("click", () => step(study.round + 1));
  document.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const busy = event.target.closest("input, select, textarea, pre, .scroll, [role=slider]");
    if (!way || busy || at("studies").hidden || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    step(study.round + way);
  });
  whenSized(at("study-chart"), drawStudy);
}
