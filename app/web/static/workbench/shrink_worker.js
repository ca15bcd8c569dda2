// Decodes, shrinks, turns and crops pictures in a worker, so that the page stays responsive.

const THUMBNAIL_SIDE = 160; // pixels
const TURN_QUALITY = 0.92; // of a JPEG that is encoded again

const tasks = { prepare, shrink, change, cut };

addEventListener("message", async ({ data: { id, task, picture, options } }) => {
  try {
    postMessage({ id, result: await tasks[task](picture, options) });
  } catch (error) {
    postMessage({ id, error: error.message });
  }
});

/** A thumbnail, the size of the picture, and the picture itself, shrunk if it is large and that saves bytes. */
async function prepare(picture, { side, quality }) {
  const bitmap = await createImageBitmap(picture); // upright, as its EXIF says
  const thumbnail = await encode(bitmap, scaleTo(bitmap, THUMBNAIL_SIDE), { quality: 0.8 });
  const kept = (await shrunk(picture, bitmap, { side, quality })) ?? picture;
  const scale = kept === picture ? 1 : scaleTo(bitmap, side);
  const size = [Math.round(bitmap.width * scale), Math.round(bitmap.height * scale)];
  bitmap.close();
  return { picture: kept, thumbnail, size };
}

/** A smaller copy to send over a slow connection, and how many pixels of the picture are one of the copy. */
async function shrink(picture, { side, quality }) {
  const bitmap = await createImageBitmap(picture);
  const copy = await shrunk(picture, bitmap, { side, quality });
  const factor = copy ? bitmap.width / Math.round(bitmap.width * scaleTo(bitmap, side)) : 1;
  bitmap.close();
  return { picture: copy ?? picture, factor };
}

/** The picture turned counterclockwise by `degrees`; before that, cropped to `box` if there is one. */
async function change(picture, { degrees, box }) {
  const bitmap = await part(picture, box);
  const { width, height } = bitmap;
  const isUpright = degrees % 180 === 0;
  const canvas = new OffscreenCanvas(isUpright ? width : height, isUpright ? height : width);
  const context = canvas.getContext("2d", { alpha: false });
  context.translate(canvas.width / 2, canvas.height / 2);
  context.rotate((-degrees * Math.PI) / 180);
  paint(context, bitmap, [-width / 2, -height / 2, width, height]);
  bitmap.close();
  return canvas.convertToBlob({ type: typeOf(picture), quality: TURN_QUALITY });
}

/** A part of the picture as PNG. */
async function cut(picture, { box }) {
  return encode(await part(picture, box), 1, { type: "image/png" });
}

/** Cut from the decoded picture: browsers differ in whether a box lies on it before or after it is turned upright. */
async function part(picture, box) {
  const bitmap = await createImageBitmap(picture);
  return box ? createImageBitmap(bitmap, ...box) : bitmap;
}

/** Null where shrinking would save nothing. */
async function shrunk(picture, bitmap, { side, quality }) {
  const scale = scaleTo(bitmap, side);
  if (scale === 1) return null;
  const copy = await encode(bitmap, scale, { quality });
  return copy.size < picture.size ? copy : null;
}

/** Never above 1: pictures are not enlarged. */
function scaleTo({ width, height }, side) {
  return Math.min(1, side / Math.max(width, height));
}

function encode(bitmap, scale, { type = "image/jpeg", quality }) {
  const width = Math.max(1, Math.round(bitmap.width * scale));
  const height = Math.max(1, Math.round(bitmap.height * scale));
  const canvas = new OffscreenCanvas(width, height);
  paint(canvas.getContext("2d", { alpha: false }), bitmap, [0, 0, width, height]);
  return canvas.convertToBlob({ type, quality });
}

/** On white where the picture is transparent, as the service reads it. */
function paint(context, bitmap, [left, top, width, height]) {
  context.fillStyle = "#fff";
  context.fillRect(left, top, width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, left, top, width, height);
}

function typeOf(picture) {
  return picture.type === "image/png" ? "image/png" : "image/jpeg";
}
