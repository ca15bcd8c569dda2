// Numbers as Python and NumPy compute them.

/** Halves are rounded to the even neighbour. */
export function round(value) {
  const down = Math.floor(value);
  if (value - down !== 0.5) return Math.round(value);
  return down % 2 === 0 ? down : down + 1;
}

// --- of many values from 0 to 255 ---

export const lowest = (values) => values.reduce((a, b) => Math.min(a, b), 255);
export const highest = (values) => values.reduce((a, b) => Math.max(a, b), 0);
/** The difference between the highest and the lowest. */
export const range = (values) => highest(values) - lowest(values);
export const sum = (values) => values.reduce((a, b) => a + b, 0);
export const mean = (values) => sum(values) / values.length;
export const median = (values) => quantile(values, 0.5);

/** Interpolates linearly between two values. */
export function quantile(values, share) {
  const { counts, size } = histogram(values);
  const rank = share * (size - 1);
  const low = valueAtRank(counts, Math.floor(rank));
  const high = valueAtRank(counts, Math.ceil(rank));
  return low + (high - low) * (rank - Math.floor(rank));
}

/** The lowest of the values that this share of them does not exceed, or more. */
export function lowestReaching(values, share) {
  const { counts, size } = histogram(values);
  let value = 0;
  for (let cumulative = counts[0]; cumulative < share * size; cumulative += counts[value]) value++;
  return value;
}

/** The greater of the middle two, where there are two. */
export function upperMedian(values) {
  const { counts, size } = histogram(values);
  return valueAtRank(counts, Math.floor(size / 2));
}

/** How often each value occurs, and how many values there are. */
function histogram(values) {
  const counts = new Uint32Array(256);
  for (const value of values) counts[value]++;
  return { counts, size: values.length };
}

function valueAtRank(counts, rank) {
  let value = 0;
  for (let cumulative = counts[0]; cumulative <= rank; cumulative += counts[value]) value++;
  return value;
}
