// The template of a form: its fields by name, each with its place on the document and what its text must satisfy. It is
// the JSON that /read takes as `template`, kept in this browser.

const STORAGE_KEY = "digits.template";
const MOST_FIELDS = 100;
const DECIMALS = 4; // of a share of the document's width or height

/** The kept template; null if there is none. */
export function storedTemplate() {
  return JSON.parse(localStorage.getItem(STORAGE_KEY));
}

export function storeTemplate(template) {
  if (template) localStorage.setItem(STORAGE_KEY, JSON.stringify(template));
  else localStorage.removeItem(STORAGE_KEY);
}

/** The template of a JSON file; null if it is none. The service checks its fields when it reads with it. */
export async function parseTemplate(file) {
  try {
    const template = JSON.parse(await file.text());
    const count = Object.keys(template.fields).length;
    return count >= 1 && count <= MOST_FIELDS ? template : null;
  } catch {
    return null;
  }
}

/** `box`: of `documentBox`; `constraint`: a kind of constraint and its text, or empty. */
export function withField(template, name, box, constraint) {
  const fields = { ...template?.fields, [name]: { ...box, ...constraint } };
  return { ...template, fields };
}

export function withoutField(template, name) {
  const fields = Object.fromEntries(Object.entries(template.fields).filter(([other]) => other !== name));
  return Object.keys(fields).length ? { ...template, fields } : null;
}

/** The constraint of a kind from what the user has written. */
export function constraintOf(kind, text) {
  if (kind === "length") return { length: Number(text) };
  if (kind === "values") return { values: text.split(",").map((value) => value.trim()) };
  if (kind === "pattern") return { pattern: text };
  return kind ? { check: kind } : {};
}

/** The constraints of a field in words. */
export function constraintText({ length, values, pattern, check }) {
  return [length, values?.join(","), pattern, check].filter((part) => part !== undefined && part !== null).join(" · ");
}

/**
 * The box on the document, in shares of its width and height, of a box on the picture as it is shown (left, top, width,
 * height). `corners`: of the sheet on that picture if one was found, else the document is the whole picture of `size`.
 */
export function documentBox([left, top, width, height], size, corners) {
  const place = corners ? toSquare(clockwise(corners)) : ([x, y]) => [x / size[0], y / size[1]];
  const places = [
    [left, top],
    [left + width, top],
    [left + width, top + height],
    [left, top + height],
  ].map(place);
  const [x, right] = extent(places.map(([share]) => share));
  const [y, bottom] = extent(places.map(([, share]) => share));
  return { x, y, width: rounded(right - x), height: rounded(bottom - y) };
}

function extent(shares) {
  const within = shares.map((share) => Math.min(Math.max(share, 0), 1));
  return [rounded(Math.min(...within)), rounded(Math.max(...within))];
}

function rounded(share) {
  return Number(share.toFixed(DECIMALS));
}

/** From the upper left corner on. */
function clockwise(corners) {
  const byHeight = [...corners].sort((one, other) => one[1] - other[1]);
  const byLeft = (one, other) => one[0] - other[0];
  const [upperLeft, upperRight] = byHeight.slice(0, 2).sort(byLeft);
  const [lowerLeft, lowerRight] = byHeight.slice(2).sort(byLeft);
  return [upperLeft, upperRight, lowerRight, lowerLeft];
}

/** The perspective that maps these corners to those of the unit square: the adjugate of the square's map to them. */
function toSquare([[x0, y0], [x1, y1], [x2, y2], [x3, y3]]) {
  const [dx1, dx2, dx3] = [x1 - x2, x3 - x2, x0 - x1 + x2 - x3];
  const [dy1, dy2, dy3] = [y1 - y2, y3 - y2, y0 - y1 + y2 - y3];
  const determinant = dx1 * dy2 - dx2 * dy1;
  const g = (dx3 * dy2 - dx2 * dy3) / determinant;
  const h = (dx1 * dy3 - dx3 * dy1) / determinant;
  const [a, b, c] = [x1 - x0 + g * x1, x3 - x0 + h * x3, x0];
  const [d, e, f] = [y1 - y0 + g * y1, y3 - y0 + h * y3, y0];
  return ([x, y]) => {
    const w = (d * h - e * g) * x + (b * g - a * h) * y + (a * e - b * d);
    const u = (e - f * h) * x + (c * h - b) * y + (b * f - c * e);
    const v = (f * g - d) * x + (a - c * g) * y + (c * d - a * f);
    return [u / w, v / w];
  };
}
