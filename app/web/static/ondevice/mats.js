// OpenCV's functions in the form that Python has them in: they give a new Mat, which is freed with all others at the end.
// `cv` is OpenCV itself, which the worker has loaded. A Mat holds 8 bits in one channel where nothing else is said.

let made = [];

/** What `work` gives, which is no Mat: those made on the way are freed. */
export function freeing(work) {
  try {
    return work();
  } finally {
    for (const mat of made) mat.delete();
    made = [];
  }
}

/** The Mat that `fill` fills. */
export function given(fill) {
  const mat = new cv.Mat();
  made.push(mat);
  fill(mat);
  return mat;
}

export function zeros(height, width) {
  return fromArray(height, width, cv.CV_8UC1, new Uint8Array(height * width));
}

export function fromArray(height, width, type, values) {
  const mat = cv.matFromArray(height, width, type, values);
  made.push(mat);
  return mat;
}

/** A rectangle of a picture, as a Mat of its own: within the picture, filters would see what is around it. */
export function part(mat, { x, y, width, height }) {
  const rectangle = mat.roi(new cv.Rect(x, y, width, height));
  made.push(rectangle);
  return given((out) => rectangle.copyTo(out));
}

/** Every pixel by itself; `of` is called with each value there may be, and its results are rounded down to 0 to 255. */
export function mapped(mat, of) {
  const table = Uint8ClampedArray.from({ length: 256 }, (_, value) => Math.floor(of(value)));
  return fromArray(mat.rows, mat.cols, cv.CV_8UC1, mat.data.map((value) => table[value]));
}

export const inverted = (mat) => given((out) => cv.bitwise_not(mat, out));
export const both = (a, b) => given((out) => cv.bitwise_and(a, b, out));
export const either = (a, b) => given((out) => cv.bitwise_or(a, b, out));
export const darker = (a, b) => given((out) => cv.min(a, b, out));
export const brighter = (a, b) => given((out) => cv.max(a, b, out));
export const without = (a, b) => given((out) => cv.subtract(a, b, out));
export const transposed = (mat) => given((out) => cv.transpose(mat, out));
export const above = (mat, level) => given((out) => cv.threshold(mat, out, level, 255, cv.THRESH_BINARY));
export const eroded = (mat, kernel) => given((out) => cv.erode(mat, out, kernel));
export const dilated = (mat, kernel) => given((out) => cv.dilate(mat, out, kernel));
export const morphed = (mat, how, kernel) => given((out) => cv.morphologyEx(mat, out, how, kernel));
export const resized = (mat, width, height, how) =>
  given((out) => cv.resize(mat, out, new cv.Size(width, height), 0, 0, how));

/** A kernel of ones. */
export function ones(height, width) {
  return fromArray(height, width, cv.CV_8UC1, new Uint8Array(height * width).fill(1));
}

export function kernel(shape, side) {
  const mat = cv.getStructuringElement(shape, new cv.Size(side, side));
  made.push(mat);
  return mat;
}

/** Each outline of a mask as a Mat, with the places of its next sibling, its first child and its parent; -1: none. */
export function outlines(mask, mode) {
  const vector = new cv.MatVector();
  made.push(vector);
  const kinship = given((out) => cv.findContours(mask, vector, out, mode, cv.CHAIN_APPROX_NONE)).data32S;
  return Array.from({ length: vector.size() }, (_, i) => {
    const mat = vector.get(i);
    made.push(mat);
    return { mat, next: kinship[4 * i], child: kinship[4 * i + 2], parent: kinship[4 * i + 3] };
  });
}

/** 255 within outlines, but not in those within others. */
export function filled(height, width, outlines) {
  const mat = zeros(height, width);
  const vector = new cv.MatVector();
  made.push(vector);
  for (const outline of outlines) vector.push_back(outline);
  cv.drawContours(mat, vector, -1, new cv.Scalar(255), cv.FILLED);
  return mat;
}

/** No side longer than `longest`. */
export function reduced(mat, longest) {
  const factor = longest / Math.max(mat.rows, mat.cols);
  if (factor >= 1) return mat;
  const [width, height] = [mat.cols, mat.rows].map((side) => Math.max(1, round(side * factor)));
  return resized(mat, width, height, cv.INTER_AREA);
}

// --- numbers, as Python and NumPy have them ---

/** Halves to the even neighbour. */
export function round(value) {
  const down = Math.floor(value);
  if (value - down !== 0.5) return Math.round(value);
  return down % 2 === 0 ? down : down + 1;
}

/** How often each of the numbers from 0 to 255 is among `values`, and how many there are. */
function counted(values) {
  const counts = new Uint32Array(256);
  for (const value of values) counts[value]++;
  return { counts, size: values.length };
}

/** The value at a place in the order of all, which lies between two where it is no whole number. */
export function quantile(values, share) {
  const { counts, size } = counted(values);
  const place = share * (size - 1);
  const low = valueAt(counts, Math.floor(place));
  const high = valueAt(counts, Math.ceil(place));
  return low + (high - low) * (place - Math.floor(place));
}

export const median = (values) => quantile(values, 0.5);

/** The median, the upper one of two. */
export function middle(values) {
  const { counts, size } = counted(values);
  return valueAt(counts, Math.floor(size / 2));
}

function valueAt(counts, place) {
  let value = 0;
  for (let passed = counts[0]; passed <= place; passed += counts[value]) value++;
  return value;
}

export const least = (values) => values.reduce((a, b) => Math.min(a, b), 255);
export const greatest = (values) => values.reduce((a, b) => Math.max(a, b), 0);
export const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;
