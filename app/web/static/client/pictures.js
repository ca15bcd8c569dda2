// Pictures as bytes: files as they are, pixels as PNG, addresses fetched.

import { Problem, pictureProblem } from "./problem.js";
import { parseUrl } from "./request.js";
import { followed, Transfer } from "./transfer.js";

const FETCHED = ["http:", "https:", "data:", "blob:"];

// By the name that Object.prototype.toString gives. Other than with instanceof, a class need not exist here, and a value
// may come from another frame.
const CONVERSIONS = new Map([
  ["Blob", (blob) => blob],
  ["File", (file) => file],
  ["ArrayBuffer", (bytes) => new Blob([bytes])],
  ["HTMLImageElement", drawLoaded],
  ["HTMLCanvasElement", draw],
  ["OffscreenCanvas", encodePng],
  ["ImageBitmap", draw],
  ["ImageData", drawPixels],
  ["URL", fetchPicture],
  ["String", fetchPicture],
]);

/** Resolves to a Blob. Rejects with a `Problem` if the picture cannot be used, with a TypeError if it is none. */
export async function toBlob(picture, options) {
  options.signal?.throwIfAborted();
  const kind = ArrayBuffer.isView(picture) ? "ArrayBuffer" : Object.prototype.toString.call(picture).slice(8, -1);
  const convert = CONVERSIONS.get(kind);
  if (!convert) throw new TypeError(`A picture is one of ${[...CONVERSIONS.keys()].join(", ")}, and not ${kind}.`);
  return await convert(picture, options);
}

/** A form with these pictures, one or an array of them by each name, and these texts, without those that are absent. */
export async function encodeForm(pictures, texts, options) {
  const form = new FormData();
  for (const [name, value] of Object.entries(pictures)) {
    const blobs = await Promise.all([value].flat().map((picture) => toBlob(picture, options)));
    for (const blob of blobs) form.append(name, blob);
  }
  for (const [name, text] of Object.entries(texts)) {
    if (text !== undefined && text !== null) form.append(name, text);
  }
  return form;
}

async function drawLoaded(image) {
  await image.decode().catch((error) => {
    throw pictureProblem("The image element has no picture, or one that the browser cannot decode.", error);
  });
  return draw(image, { width: image.naturalWidth, height: image.naturalHeight });
}

/** Copied to an OffscreenCanvas, since HTMLCanvasElement.toBlob() waits until the browser is idle. */
function draw(source, { width = source.width, height = source.height }) {
  return encodePng(paint(width, height, (context) => context.drawImage(source, 0, 0, width, height)));
}

function drawPixels(pixels) {
  return encodePng(paint(pixels.width, pixels.height, (context) => context.putImageData(pixels, 0, 0)));
}

function paint(width, height, drawOn) {
  const canvas = new OffscreenCanvas(width, height);
  drawOn(canvas.getContext("2d"));
  return canvas;
}

async function encodePng(canvas) {
  if (!(canvas.width && canvas.height)) throw pictureProblem("The picture has no pixels: its width or height is 0.");
  try {
    return await canvas.convertToBlob({ type: "image/png" });
  } catch (error) {
    const detail =
      error.name === "SecurityError"
        ? "The picture is from another origin, so the browser keeps its pixels from scripts. Load it with crossOrigin."
        : `The browser cannot encode the picture: ${error.message}`;
    throw pictureProblem(detail, error);
  }
}

/** The bytes behind an address. A local file is not read: the string may come from anywhere. */
async function fetchPicture(address, options) {
  const url = addressOf(address);
  const transfer = new Transfer({ ...options, onProgress: undefined });
  try {
    const response = await fetch(url, { signal: transfer.signal });
    if (!response.ok) throw pictureProblem(`${url} answered with HTTP status ${response.status}.`);
    return await followed(response, transfer).blob();
  } catch (error) {
    options.signal?.throwIfAborted();
    throw error instanceof Problem ? error : pictureProblem(`${url} could not be fetched: ${error.message}.`, error);
  } finally {
    transfer.close();
  }
}

function addressOf(address) {
  const url = parseUrl(address);
  if (FETCHED.includes(url?.protocol)) return url;
  throw new TypeError("A string or URL is fetched, by http:, https:, data: or blob:. Read a file and pass its bytes.");
}
