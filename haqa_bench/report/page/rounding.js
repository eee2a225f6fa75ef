// Numbers as the tables print them: so many digits after the point, halves to the even digit, as Python does.

function rounded(value, digits) {
  if (value == null) return "none";
  const text = value.toFixed(digits);
  const half = Math.abs((value * 2 ** (digits + 1)) % 2) === 1;
  const odd = Number(text.at(-1)) % 2 === 1;
  return half && odd ? (value * (1 - Number.EPSILON)).toFixed(digits) : text;
}

// A metric of a cell; what would be all zeros, and is not zero, has two digits that are none.
function told(cell, metric, value) {
  const text = rounded(value, cell.digits[metric] ?? 1);
  return value && Number(text) === 0 ? String(Number(value.toPrecision(2))) : text;
}

const best = (cell, value) => told(cell, cell.metric, value);
const percent = (share) => (share == null ? "unknown" : `${rounded(100 * share, 1)} %`);
const range = (cell, values) => `${best(cell, Math.min(...values))} to ${best(cell, Math.max(...values))}`;
const counted = (number, one, many) => `${number} ${number === 1 ? one : many}`;

// Where no table prints it, such as seconds and the marks of an axis: four digits, thousands parted.
function digits(value) {
  if (value == null) return "none";
  const size = Math.abs(value);
  if (size > 0 && size < 1e-4) return value.toExponential(2);
  if (size >= 1000) return value.toLocaleString("en", { maximumFractionDigits: 0 });
  return String(Number(value.toPrecision(4)));
}
