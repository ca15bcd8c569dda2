// app/preprocessing/frames.py: a card on a table, or a cell cut out of a form.

import { border, otherTone, splitTones } from "./background.js";
import { convexHull, isRectangular } from "./components.js";
import {
  CARD_ASPECT,
  CARD_AT_BORDER,
  CARD_FILLED,
  CARD_SOLIDITY,
  HOLE_CONVEXITY,
  INNER_RIM_SHARE,
  MAX_RIM,
  MIN_CARD_SIDE,
  MIN_CELL_SIDE,
  MIN_CONTRAST,
  MIN_WRITING,
  RIM_SHARE,
  SAMPLE_MARGIN,
  SAMPLES,
} from "./constants.js";
import { backgroundOf, extendRows, fillAround, isLabel, isWrittenOn, withoutRim } from "./labels.js";
import * as mats from "./mats.js";
import { mean, upperMedian } from "./numbers.js";

// A region is a rectangle of a picture, cropped: { pixels, x, y }.

// --- a card on a table ---

/** The card or page that stands out as `foreground` from what it lies on, without its rim; null if there is none. */
export function findCard(picture, foreground) {
  if (Math.max(foreground.rows, foreground.cols) < MIN_CARD_SIDE) return null;
  const box = cv.boundingRect(foreground);
  const card = mats.crop(foreground, box);
  if (cv.countNonZero(card) < CARD_SOLIDITY * box.width * box.height) return null;
  const found = cardOutline(card);
  if (!found) return null;
  const { outline, hasHoles } = found;
  const inside = withoutRim(outline, card);
  const ofCard = cv.countNonZero(mats.bitwiseAnd(inside, card));
  if (!ofCard) return null; // it is all rim
  const isSolid = ofCard >= CARD_FILLED * cv.countNonZero(inside);
  const inner = cv.boundingRect(inside);
  const [x, y] = [box.x + inner.x, box.y + inner.y];
  const [cut, within] = [mats.crop(picture, { ...inner, x, y }), mats.crop(inside, inner)];
  const background = backgroundOf(cut, mats.bitwiseAnd(within, mats.crop(card, inner)));
  if (!isRectangular(outline)) return isWrittenOn(cut, within) ? { pixels: extendRows(cut, within), x, y } : null;
  if (!hasHoles && !(isSolid && isBroad(outline) && isConvex(outline))) return null;
  const pixels = fillAround(cut, within, background);
  return hasHoles || longestWriting(pixels, background) ? { pixels, x, y } : null;
}

/** Cards are; the stroke of a 1 is not. */
export function isBroad(outline) {
  const { width, height } = cv.minAreaRect(outline).size;
  return Math.min(width, height) >= CARD_ASPECT * Math.max(width, height);
}

/** A card on an uneven surface, found as one of the picture's two tones. */
export function findCardByTone(picture) {
  const tone = splitTones(picture);
  return mean(border(tone)) <= CARD_AT_BORDER * 255 ? findCard(picture, tone) : null;
}

/** The longest outline, if it is one of a card or a label, and whether it has holes that are a card's writing. */
function cardOutline(card) {
  const outlines = mats.findOutlines(card, cv.RETR_TREE);
  if (!outlines.length) return null;
  const longest = outlines.reduce((best, other) => (other.outline.rows > best.outline.rows ? other : best));
  if (longest.parent >= 0 || !(isRectangular(longest.outline) || isLabel(longest.outline))) return null;
  const shortest = MIN_WRITING * Math.max(card.rows, card.cols);
  for (let hole = outlines[longest.child]; hole; hole = outlines[hole.next]) {
    const { width, height } = cv.boundingRect(hole.outline);
    const isLong = Math.max(width, height) > shortest;
    // The holes of a thick zero or eight are convex and empty.
    if (isLong && (hole.child >= 0 || !isConvex(hole.outline))) return { outline: longest.outline, hasHoles: true };
  }
  return { outline: longest.outline, hasHoles: false };
}

export function isConvex(hole) {
  return cv.contourArea(hole) >= HOLE_CONVEXITY * cv.contourArea(convexHull(hole));
}

// --- a cell cut out of a form ---

/** The inside of a rim along all four edges, as where a form's cell was cut out by its lines; null without one. */
export function findCell(picture) {
  const { rows, cols } = picture;
  const shorter = Math.min(rows, cols);
  if (shorter < MIN_CELL_SIDE) return null;
  const rim = upperMedian(border(picture));
  const background = sampledBackground(picture);
  if (Math.abs(background - rim) < MIN_CONTRAST) return null;
  const level = Math.floor((rim + background) / 2);
  const shareLikeRim = (rectangle) => share(picture, rectangle, (value) => value > level === rim > background);
  const widest = Math.floor(MAX_RIM * shorter);
  const views = viewsFromEdges({ x: 0, y: 0, width: cols, height: rows });
  const [top, bottom, left, right] = views.map((view) => rimWidth(view, widest, shareLikeRim));
  if (Math.min(top, bottom, left, right) === 0) return null;
  const inside = { x: left, y: top, width: cols - left - right, height: rows - top - bottom };
  if (!isOpen(inside, shareLikeRim)) return null;
  const [x, y] = [left + 1, top + 1]; // the rim's inner edge is soft
  const cell = mats.crop(picture, { x, y, width: inside.width - 2, height: inside.height - 2 });
  return holdsWriting(cell, background) ? { pixels: cell, x, y } : null;
}

/** The median grey level of a sample of the pixels that are not near the edges. */
function sampledBackground({ rows, cols, data }) {
  const margin = Math.floor(Math.min(rows, cols) / SAMPLE_MARGIN);
  const step = 1 + Math.floor(Math.max(rows, cols) / SAMPLES);
  const values = [];
  for (let y = margin; y < rows - margin; y += step) {
    for (let x = margin; x < cols - margin; x += step) values.push(data[y * cols + x]);
  }
  return upperMedian(values);
}

/** Views from the top, the bottom, the left and the right: each gives the rectangle of its row at a depth. */
function viewsFromEdges({ x, y, width, height }) {
  return [
    (depth) => ({ x, y: y + depth, width, height: 1 }),
    (depth) => ({ x, y: y + height - 1 - depth, width, height: 1 }),
    (depth) => ({ x: x + depth, y, width: 1, height }),
    (depth) => ({ x: x + width - 1 - depth, y, width: 1, height }),
  ];
}

/** How many rows the rim has in this view; 0 if there is no rim, or no end of it. */
function rimWidth(view, widest, shareLikeRim) {
  for (let depth = 0; depth <= widest; depth++) if (shareLikeRim(view(depth)) < RIM_SHARE) return depth;
  return 0;
}

/** Whether the two outermost rows in each view are mostly background. */
function isOpen(inside, shareLikeRim) {
  const isBackground = (row) => shareLikeRim(row) <= INNER_RIM_SHARE;
  return viewsFromEdges(inside).every((view) => isBackground(view(0)) && isBackground(view(1)));
}

/** The share of a rectangle's pixels for which `test` holds. */
function share({ cols, data }, { x, y, width, height }, test) {
  let count = 0;
  for (let row = y; row < y + height; row++) {
    for (let column = x; column < x + width; column++) if (test(data[row * cols + column])) count++;
  }
  return count / (width * height);
}

/** Of more than a rectangle: a printed zero without a margin is a rim too, around a hole. */
function holdsWriting(cell, background) {
  const longest = longestWriting(cell, background);
  return longest !== null && !isRectangular(longest);
}

/** The longest outline of what differs from the background, if it is long enough; null if not. */
function longestWriting(cell, background) {
  const outlines = mats.findOutlines(otherTone(cell, background), cv.RETR_EXTERNAL);
  if (!outlines.length) return null; // or too many to be traced
  const { outline } = outlines.reduce((best, other) => (other.outline.rows > best.outline.rows ? other : best));
  const { width, height } = cv.boundingRect(outline);
  return Math.max(width, height) > MIN_WRITING * Math.max(cell.rows, cell.cols) ? outline : null;
}
