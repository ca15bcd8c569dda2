// app/preprocessing/scaling.py

import * as mats from "./mats.js";
import { round } from "./numbers.js";

/** No side is longer than `longestSide`. */
export function shrink(mat, longestSide) {
  const scale = longestSide / Math.max(mat.rows, mat.cols);
  return scale >= 1 ? mat : mats.resize(mat, scaledSize(mat, scale), cv.INTER_AREA);
}

/** Of at least one pixel. */
export function scaledSize({ rows, cols }, scale) {
  return { width: Math.max(1, round(cols * scale)), height: Math.max(1, round(rows * scale)) };
}

/** Half as wide and high; of a mask, 255 where all four pixels are. */
export function halved(mat) {
  const [width, height] = [mat.cols, mat.rows].map((side) => Math.max(1, Math.floor(side / 2)));
  const even = mats.crop(mat, {
    x: 0,
    y: 0,
    width: Math.min(2 * width, mat.cols),
    height: Math.min(2 * height, mat.rows),
  });
  return mats.resize(even, { width, height }, cv.INTER_AREA);
}
