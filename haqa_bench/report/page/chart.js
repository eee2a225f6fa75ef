// A chart in SVG: axes, stepped lines, marks and a reference line. It knows nothing of methods or studies.

const EDGE = { left: 58, right: 14, top: 30, bottom: 38 };

function ticks(low, high, wanted) {
  const rough = (high - low) / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough);
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) found.push(i * step);
  return found;
}

function logTicks(low, high) {
  const found = [];
  for (let power = Math.floor(Math.log10(low)); 10 ** power <= high; power++) {
    if (10 ** power >= low) found.push(10 ** power);
  }
  return found.length > 1 ? found : [low, high];
}

function scale([low, high], [from, to], log) {
  const place = log ? Math.log : (value) => value;
  const [a, b] = [place(low), place(high)];
  return (value) => from + ((place(value) - a) / (b - a || 1)) * (to - from);
}

// A range with some air, which is never empty.
function padded(values, floor) {
  const low = floor ?? Math.min(...values);
  const high = Math.max(...values, low);
  const air = (high - low || Math.abs(high) * 0.02 || 0.01) * 0.06;
  return [floor ?? low - air, high + air];
}

function stepped(points, x, y, end) {
  const [first, ...rest] = points;
  const path = rest.map(([px, py]) => `H${x(px).toFixed(1)}V${y(py).toFixed(1)}`).join("");
  return `M${x(first[0]).toFixed(1)} ${y(first[1]).toFixed(1)}${path}H${x(end).toFixed(1)}`;
}

// A range of one value, with room on both sides.
const widened = ([low, high], log) => (low < high ? [low, high] : log ? [low / 2, low * 2] : [low - 0.5, low + 0.5]);

// The room between the least and the largest, [x, low, high] from step to step.
function band(steps, x, y, end) {
  const upper = stepped(steps.map(([at, , high]) => [at, high]), x, y, end);
  const lower = steps.toReversed().map(([at, low]) => `V${y(low).toFixed(1)}H${x(at).toFixed(1)}`).join("");
  return `${upper}${lower}Z`;
}

// spec: width, height, x and y as {label, range, log, whole, text}, lines as {points, class}, bands as {steps, class}, reference as {y, label}.
function chart(spec) {
  const { width, height } = spec;
  const across = widened(spec.x.range, spec.x.log);
  const x = scale(across, [EDGE.left, width - EDGE.right], spec.x.log);
  const y = scale(spec.y.range, [height - EDGE.bottom, EDGE.top]);
  const svg = draw("svg", { width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true", focusable: "false" });
  const wanted = Math.max(2, Math.round(width / 90));
  const steps = spec.x.log ? logTicks(...across) : ticks(...across, wanted).filter((v) => !spec.x.whole || Number.isInteger(v));
  for (const value of ticks(...spec.y.range, 4)) {
    svg.append(
      draw("line", { class: "grid", x1: EDGE.left, x2: width - EDGE.right, y1: y(value), y2: y(value) }),
      draw("text", { class: "tick", x: EDGE.left - 8, y: y(value) + 4, "text-anchor": "end" }, spec.y.text(value)),
    );
  }
  for (const value of steps) {
    svg.append(draw("text", { class: "tick", x: x(value), y: height - EDGE.bottom + 18, "text-anchor": "middle" }, digits(value)));
  }
  svg.append(
    draw("line", { class: "axis", x1: EDGE.left, x2: width - EDGE.right, y1: height - EDGE.bottom, y2: height - EDGE.bottom }),
    draw("text", { class: "label", x: (EDGE.left + width - EDGE.right) / 2, y: height - 4, "text-anchor": "middle" }, spec.x.label),
    draw("text", { class: "label", x: 4, y: 14 }, spec.y.label),
  );
  for (const { steps, class: kind } of spec.bands ?? []) svg.append(draw("path", { class: `band ${kind}`, d: band(steps, x, y, across[1]) }));
  for (const line of spec.lines.filter((l) => l.points.length)) {
    svg.append(draw("path", { class: `line ${line.class}`, d: stepped(line.points, x, y, across[1]) }));
  }
  if (spec.reference) {
    const level = y(spec.reference.y);
    svg.append(
      draw("line", { class: "reference", x1: EDGE.left, x2: width - EDGE.right, y1: level, y2: level }),
      draw("text", { class: "label", x: EDGE.left + 4, y: level + (level < EDGE.top + 14 ? 14 : -5) }, spec.reference.label),
    );
  }
  return { svg, x, y };
}

// Draws again whenever the room that `host` has changes.
function whenSized(host, redraw) {
  let width = 0;
  new ResizeObserver(([entry]) => {
    const now = Math.floor(entry.contentRect.width);
    if (now && now !== width) redraw((width = now));
  }).observe(host);
}
