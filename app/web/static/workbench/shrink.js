// The worker that decodes, shrinks, turns and crops pictures.

import { trustedScriptUrl } from "../trusted_urls.js";

// The sides and qualities to which large pictures are shrunk: the first for all, the others for slow connections. The
// service reads a picture at 1024 pixels; people need more to compare it with its reading.
export const LEVELS = [
  { side: 3000, quality: 0.85 },
  { side: 2000, quality: 0.8 },
  { side: 1400, quality: 0.75 },
  { side: 1024, quality: 0.6 },
];
const SHRINKABLE = ["image/jpeg", "image/png", "image/webp"]; // not documents, nor formats that few browsers decode

const pending = new Map(); // of requests to the worker: id -> {resolve, reject}
let worker = null;
let nextId = 0;

/** The picture as it is kept and sent, its thumbnail and size. Null if it is not shrunk here or cannot be decoded. */
export function prepare(picture) {
  if (!SHRINKABLE.includes(picture.type)) return previewOnly(picture);
  return run("prepare", picture, LEVELS[0]).catch(() => null);
}

/** Of a format that is not shrunk: a thumbnail and its size if this browser can decode it, else null. */
async function previewOnly(picture) {
  if (!picture.type.startsWith("image/")) return null;
  const prepared = await run("prepare", picture, { side: Number.MAX_SAFE_INTEGER }).catch(() => null);
  return prepared && { ...prepared, picture };
}

/** `level`: of `LEVELS`. */
export async function shrink(picture, level) {
  const untouched = { picture, factor: 1 };
  if (level === 0 || !SHRINKABLE.includes(picture.type)) return untouched;
  return run("shrink", picture, LEVELS[level]).catch(() => untouched);
}

export function isShrinkable(picture) {
  return SHRINKABLE.includes(picture.type);
}

/** The picture, cropped to `box` if there is one, and turned counterclockwise by `degrees`. */
export function change(picture, { degrees = 0, box = null }) {
  return run("change", picture, { degrees, box });
}

/** A part of the picture as PNG. */
export function cut(picture, box) {
  return run("cut", picture, { box });
}

function run(task, picture, options) {
  worker ??= startWorker();
  const id = nextId++;
  return new Promise((resolve, reject) => {
    pending.set(id, { resolve, reject });
    worker.postMessage({ id, task, picture, options });
  });
}

function startWorker() {
  const started = new Worker(trustedScriptUrl(new URL("shrink_worker.js", import.meta.url)), { type: "module" });
  started.onmessage = ({ data: { id, result, error } }) => {
    const { resolve, reject } = pending.get(id);
    pending.delete(id);
    if (error === undefined) resolve(result);
    else reject(new Error(error));
  };
  started.onerror = () => {
    for (const { reject } of pending.values()) reject(new Error("The worker has stopped."));
    pending.clear();
    worker = null; // the next request starts another
  };
  return started;
}
