// Reads pictures of one digit where they are: it is handed all it needs, and by its content policy can fetch nothing.

import * as ort from "../runtime/ort.mjs";
import { toMnist } from "./image.js";
import { BlankPicture } from "./ink.js";

const TASKS = { load, predict };
let session;

onmessage = async ({ data: { task, port, ...values } }) => {
  try {
    port.postMessage({ result: await TASKS[task](values) });
  } catch (error) {
    port.postMessage({ blank: error instanceof BlankPicture, failure: String(error) });
  }
};

/** `opencv`: its script. `onnxruntime`: its WebAssembly. `graph`: the model's. */
async function load({ opencv, onnxruntime, graph }) {
  (0, eval)(new TextDecoder().decode(opencv)); // it puts a promise of `cv` among the global names
  globalThis.cv = await globalThis.cv;
  // More than one thread would need a page that no other may open or embed, for 28 x 28 pixels.
  Object.assign(ort.env.wasm, { wasmBinary: onnxruntime, numThreads: 1 });
  session = await ort.InferenceSession.create(graph);
}

async function predict({ bitmap }) {
  const seen = toMnist(pixelsOf(bitmap));
  const image = new ort.Tensor("uint8", seen, [1, 28, 28]);
  const { probabilities } = await session.run({ image }, ["probabilities"]);
  return { seen, probabilities: Array.from(probabilities.data) };
}

function pixelsOf(bitmap) {
  // Kept in main memory: what comes back from a graphics card may be rounded.
  const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  return context.getImageData(0, 0, bitmap.width, bitmap.height);
}
