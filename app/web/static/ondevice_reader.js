// Reads pictures in this browser with the service's own model: no picture is sent anywhere.

import { isUnreachable } from "./connection.js";
import { models, Problem } from "./digits.js";
import { keepModel, keptModel } from "./model_store.js";
import { trustedScriptUrl } from "./trusted_urls.js";

const BASE = import.meta.url;
const OPENCV = new URL("runtime/opencv.js.gz", BASE);
const ONNXRUNTIME = new URL("runtime/ort.wasm.gz", BASE);

/**
 * Downloads the model and its runtime; without the service, takes the model that was used last. Calls `onprogress(fraction)` with 0 to 1 meanwhile.
 * Resolves to an `OnDeviceReader`; rejects with a `Problem`.
 */
export async function loadReader({ apiKey, signal, onprogress }) {
  const kept = await keptModel();
  const manifest = await newestManifest({ apiKey, signal }, kept?.manifest);
  const { name, version, threshold, sha256 } = manifest;
  const known = kept?.manifest.sha256 === sha256 ? kept.graph : undefined;
  const model = new URL(`../models/${encodeURIComponent(name)}/${version}/model.onnx`, BASE);
  const urls = known ? [OPENCV, ONNXRUNTIME] : [OPENCV, ONNXRUNTIME, model];
  const headers = apiKey ? { "X-API-Key": apiKey } : {};
  const [opencv, onnxruntime, graph = known] = await downloadAll(urls, { headers, signal }, onprogress);
  if (!known) await keepModel({ name, version, threshold, sha256 }, graph).catch(() => {}); // no space, or no TLS
  const reader = new OnDeviceReader({ name, version }, threshold);
  try {
    await reader.request("load", { opencv, onnxruntime, graph }, [opencv, onnxruntime, graph]);
    signal.throwIfAborted();
    return reader;
  } catch (error) {
    reader.close();
    throw error;
  }
}

/** Of the default model; the service lists versions in ascending order. `kept`: if the service cannot be reached. */
async function newestManifest(options, kept) {
  try {
    const { default: name, models: served } = await models(options);
    return served.findLast(({ manifest }) => manifest.name === name).manifest;
  } catch (problem) {
    if (kept && problem instanceof Problem && isUnreachable(problem)) return kept;
    throw problem;
  }
}

/** The unpacked content of each URL, as ArrayBuffers. */
async function downloadAll(urls, request, onprogress) {
  const responses = await Promise.all(urls.map((url) => download(url, request)));
  const total = responses.reduce((sum, { headers }) => sum + Number(headers.get("Content-Length")), 0);
  let received = 0;
  const count = (chunk, stream) => {
    received += chunk.length;
    onprogress(Math.min(1, received / total)); // Content-Length is too small if a proxy has compressed the response
    stream.enqueue(chunk);
  };
  return Promise.all(responses.map((response) => unpack(response, count)));
}

async function download(url, request) {
  const response = await fetch(url, request).catch((error) => {
    request.signal.throwIfAborted();
    throw downloadFailed(0, error.message);
  });
  if (response.ok) return response;
  throw downloadFailed(response.status, `The service answered with HTTP status ${response.status}.`);
}

function downloadFailed(status, detail) {
  const title = "The files for reading on this device could not be downloaded";
  return new Problem({ type: "urn:digits:problem:download-failed", title, status, detail });
}

function unpack({ url, body }, transform) {
  const counted = body.pipeThrough(new TransformStream({ transform }));
  const compressed = new URL(url).pathname.endsWith(".gz");
  return new Response(compressed ? counted.pipeThrough(new DecompressionStream("gzip")) : counted).arrayBuffer();
}

class OnDeviceReader {
  constructor(model, threshold) {
    this.model = model;
    this.threshold = threshold;
    this.worker = new Worker(trustedScriptUrl(new URL("ondevice/worker.js", BASE)), { type: "module" });
  }

  /** Resolves as the client's `predict` does, but with `seen`, an ImageBitmap, as the image. Rejects with a `Problem`. */
  async predict(picture) {
    // The pixel values of the file: no conversion to the screen's colour space.
    const bitmap = await createImageBitmap(picture, { colorSpaceConversion: "none", premultiplyAlpha: "none" }).catch(
      () => throwProblem("unreadable-here", "This browser cannot open the picture", "Use a PNG or JPEG file instead."),
    );
    const { seen, probabilities } = await this.request("predict", { bitmap }, [bitmap]);
    const confidence = Math.max(...probabilities);
    const accepted = confidence >= this.threshold;
    const digit = probabilities.indexOf(confidence);
    const prediction = { digit, confidence, probabilities, accepted, seen: await createImageBitmap(greyImage(seen)) };
    return { model: this.model, predictions: [prediction] };
  }

  /** Resolves to the worker's result for `task`. `transfer`: those of `values` that move to the worker uncopied. */
  async request(task, values, transfer) {
    const { port1, port2 } = new MessageChannel();
    const reply = await new Promise((resolve, reject) => {
      port1.onmessage = ({ data }) => resolve(data);
      this.worker.onerror = reject; // the worker's script could not be started
      this.worker.postMessage({ task, port: port2, ...values }, [port2, ...transfer]);
    });
    if (reply.blank) throwProblem("blank-picture", "The picture is blank", "The picture has no ink on it.");
    if (reply.failure) throwProblem("failed-here", "Reading on this device failed", reply.failure);
    return reply.result;
  }

  close() {
    this.worker.terminate();
  }
}

function throwProblem(kind, title, detail) {
  throw new Problem({ type: `urn:digits:problem:${kind}`, title, status: 0, detail });
}

/** 28 x 28 grey pixels of the ink's values, 0 to 255. */
function greyImage(ink) {
  const image = new ImageData(28, 28);
  for (const [i, value] of ink.entries()) image.data.set([value, value, value, 255], 4 * i);
  return image;
}
