// What was found on the drawing, as outlines over it: the lines and their signs.

const overlay = document.getElementById("boxes");

export function clearOverlay() {
  overlay.replaceChildren();
}

/** `placement`: where the pixels that were read lie on the drawing pad (`DrawingPad.placement`). */
export function showOverlay({ readings }, placement) {
  const lines = readings.map(({ accepted, box }) => frame(["line-box", !accepted && "doubtful"], box, placement));
  const signs = readings.flatMap((line) => line.signs).filter(({ kind }) => kind !== "space");
  overlay.replaceChildren(...lines, ...signs.map((sign) => signBox(sign, placement)));
}

/** Marks the line at this index of the readings, or none of them. */
export function markLine(index) {
  for (const [i, line] of overlay.querySelectorAll(".line-box").entries()) line.classList.toggle("open", i === index);
}

function signBox({ accepted, box }, placement) {
  return frame(["box", !accepted && "doubtful"], box, placement);
}

function frame(classNames, [x, y, width, height], { scaleX, scaleY }) {
  const element = document.createElement("span");
  element.className = classNames.filter(Boolean).join(" ");
  const fractions = { left: x * scaleX, top: y * scaleY, width: width * scaleX, height: height * scaleY };
  for (const [side, fraction] of Object.entries(fractions)) element.style[side] = `${fraction * 100}%`;
  return element;
}
