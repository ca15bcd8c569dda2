// Reads pictures of one digit in this browser. The page gives it all that it needs: its content security policy lets it
// fetch nothing.

import * as ort from "../runtime/ort.mjs";
import { IMAGE_SIZE } from "./constants.js";
import { BlankPicture } from "./ink.js";
import { toImage } from "./normalize.js";

const TASKS = { load, predict };
let session;

// Answers { task, port, ...values } on the port: { result }, or { blank, failure }.
addEventListener("message", async ({ data: { task, port, ...values } }) => {
  try {
    port.postMessage({ result: await TASKS[task](values) });
  } catch (error) {
    port.postMessage({ blank: error instanceof BlankPicture, failure: String(error) });
  }
});

/** `opencv`: its script; `onnxruntime`: its WebAssembly; `graph`: the model. All are ArrayBuffers. */
async function load({ opencv, onnxruntime, graph }) {
  // biome-ignore lint/security/noGlobalEval: the page hands over the script as bytes, which the worker cannot load from a URL
  globalThis.eval(new TextDecoder().decode(opencv)); // defines the global `cv`, a promise
  globalThis.cv = await globalThis.cv;
  // More threads need a page that is isolated from other origins, and are not worth that for 28 x 28 pixels.
  Object.assign(ort.env.wasm, { wasmBinary: onnxruntime, numThreads: 1 });
  session = await ort.InferenceSession.create(graph);
}

/** An ImageBitmap -> its image, a Uint8Array, and the model's probabilities of the ten digits. */
async function predict({ bitmap }) {
  const seen = toImage(pixelsOf(bitmap));
  const image = new ort.Tensor("uint8", seen, [1, IMAGE_SIZE, IMAGE_SIZE]);
  const { probabilities } = await session.run({ image }, ["probabilities"]);
  return { seen, probabilities: Array.from(probabilities.data) };
}

function pixelsOf(bitmap) {
  // Kept in main memory: a graphics card may round the values.
  const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  return context.getImageData(0, 0, bitmap.width, bitmap.height);
}
