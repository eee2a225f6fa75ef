// What the other scripts build with. Whatever comes from a run reaches the page through here, as text.

const page = await unpacked(document.getElementById("data").textContent);
const textOf = (index) => page.texts[index].map((line) => page.lines[line]).join("\n");
const at = (id) => document.getElementById(id);

async function unpacked(letters) {
  const bytes = Uint8Array.from(atob(letters), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

function make(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

function draw(tag, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

function table(headings, rows) {
  const head = headings.map(([text, kind]) => make("th", { scope: "col", class: kind ?? null }, text));
  return [make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows)];
}

const colour = (method) => `m${page.methods.indexOf(method)}`;

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (!sorted.length) return null;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

// All cells of all runs, in order, and a <select> of them.
const cells = page.runs.flatMap((run, index) => run.cells.map((cell) => ({ run, number: index + 1, ...cell })));
const placeOf = (run, test) => cells.findIndex((cell) => cell.number === run && test(cell));

// What readers call a method, a model or a device of a cell's suite.
const called = (cell, name) => cell.run.labels?.[name] ?? name;

function cellOptions(select) {
  const groups = page.runs.map((run, index) => {
    const options = cells.flatMap((cell, i) => (cell.number === index + 1 ? [make("option", { value: i }, cell.id)] : []));
    return make("optgroup", { label: `${run.suite}/${run.folder}` }, ...options);
  });
  select.replaceChildren(...groups);
}

function objective(cell) {
  const goals = [`${cell.direction} ${cell.metric} (${cell.unit})`, ...cell.also.map((goal) => `also ${goal}`), ...cell.constraints];
  const what = [called(cell, cell.model), cell.spelled || cell.bit_width, cell.weights].filter(Boolean);
  return `${what.join(", ")}, on ${called(cell, cell.hardware)}: ${goals.join("; ")}.`;
}
