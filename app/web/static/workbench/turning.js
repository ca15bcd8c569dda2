// Coordinates on a picture that is shown turned counterclockwise by 0, 90, 180 or 270 degrees.

export function turnedSize([width, height], degrees) {
  return degrees % 180 === 0 ? [width, height] : [height, width];
}

export function turnedPoint([x, y], [width, height], degrees) {
  if (degrees === 90) return [y, width - x];
  if (degrees === 180) return [width - x, height - y];
  if (degrees === 270) return [height - y, x];
  return [x, y];
}

/** A box: left, top, width, height. `size`: of the picture before it is turned. */
export function turnedBox([left, top, width, height], size, degrees) {
  const [x, y] = turnedPoint([left, top], size, degrees);
  const [otherX, otherY] = turnedPoint([left + width, top + height], size, degrees);
  return [Math.min(x, otherX), Math.min(y, otherY), Math.abs(otherX - x), Math.abs(otherY - y)];
}

/** Turns what is drawn on `context` in the coordinates of the picture. */
export function turnContext(context, [width, height], degrees) {
  if (degrees === 90) context.setTransform(0, -1, 1, 0, 0, width);
  else if (degrees === 180) context.setTransform(-1, 0, 0, -1, width, height);
  else if (degrees === 270) context.setTransform(0, 1, -1, 0, height, 0);
  else context.resetTransform();
}
