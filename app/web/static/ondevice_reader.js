// The service's own model in this browser: a picture is read here and goes nowhere.

import { Problem, models } from "./digits.js";

const HERE = import.meta.url;
const OPENCV = new URL("runtime/opencv.js.gz", HERE);
const ONNXRUNTIME = new URL("runtime/ort.wasm.gz", HERE);

let policy; // of the page's, on what may become a script

/**
 * Fetches all that reading takes, and gives it as an object with `predict` and `close`. `onprogress(share)` is called on
 * the way, with 0 to 1. Rejects with a `Problem`.
 */
export async function open({ apiKey, signal, onprogress }) {
  const { name, version, threshold } = newest(await models({ apiKey, signal }));
  const model = new URL(`../models/${encodeURIComponent(name)}/${version}/model.onnx`, HERE);
  const headers = apiKey ? { "X-API-Key": apiKey } : {};
  const [opencv, onnxruntime, graph] = await fetchAll([OPENCV, ONNXRUNTIME, model], { headers, signal }, onprogress);
  const reader = new Reader({ name, version }, threshold);
  try {
    await reader.ask("load", { opencv, onnxruntime, graph }, [opencv, onnxruntime, graph]);
    signal.throwIfAborted();
    return reader;
  } catch (error) {
    reader.close();
    throw error;
  }
}

function newest({ default: name, models }) {
  return models.findLast(({ manifest }) => manifest.name === name).manifest;
}

/** What is at each address, unpacked. */
async function fetchAll(urls, request, onprogress) {
  const responses = await Promise.all(urls.map((url) => fetchOne(url, request)));
  const total = responses.reduce((sum, { headers }) => sum + Number(headers.get("Content-Length")), 0);
  let received = 0;
  const count = (chunk, stream) => {
    received += chunk.length;
    onprogress(Math.min(1, received / total)); // a proxy may have packed it once more
    stream.enqueue(chunk);
  };
  return Promise.all(responses.map((response) => unpacked(response, count)));
}

async function fetchOne(url, request) {
  const response = await fetch(url, request);
  if (response.ok) return response;
  throw new Problem({
    title: "What reading here takes cannot be fetched",
    status: response.status,
    detail: `The answer was HTTP status ${response.status}.`,
  });
}

function unpacked({ url, body }, transform) {
  const counted = body.pipeThrough(new TransformStream({ transform }));
  const packed = new URL(url).pathname.endsWith(".gz");
  return new Response(packed ? counted.pipeThrough(new DecompressionStream("gzip")) : counted).arrayBuffer();
}

class Reader {
  constructor(model, threshold) {
    this.model = model;
    this.threshold = threshold;
    this.worker = new Worker(trusted(new URL("ondevice/worker.js", HERE)), { type: "module" });
  }

  /** As the client's `predict` answers, but for the image: `seen`, an ImageBitmap. Rejects with a `Problem`. */
  async predict(picture) {
    // The pixels as the file has them: no colours fitted to the screen.
    const bitmap = await createImageBitmap(picture, { colorSpaceConversion: "none", premultiplyAlpha: "none" }).catch(
      () => refuse("unreadable-here", "This browser cannot show the picture", "Choose it as a PNG or JPEG file."),
    );
    const { seen, probabilities } = await this.ask("predict", { bitmap }, [bitmap]);
    const confidence = Math.max(...probabilities);
    const accepted = confidence >= this.threshold;
    const digit = probabilities.indexOf(confidence);
    const prediction = { digit, confidence, probabilities, accepted, seen: await createImageBitmap(shades(seen)) };
    return { model: this.model, predictions: [prediction] };
  }

  /** What the worker makes of `values`, of which those in `moved` are handed over. */
  async ask(task, values, moved) {
    const { port1, port2 } = new MessageChannel();
    const answer = await new Promise((resolve, reject) => {
      port1.onmessage = ({ data }) => resolve(data);
      this.worker.onerror = reject; // it could not even start
      this.worker.postMessage({ task, port: port2, ...values }, [port2, ...moved]);
    });
    if (answer.blank) refuse("blank-picture", "The picture is blank", "It has no ink on it: draw a digit on it.");
    if (answer.failure) refuse("failed-here", "This browser cannot read digits by itself", answer.failure);
    return answer.result;
  }

  close() {
    this.worker.terminate();
  }
}

function refuse(kind, title, detail) {
  throw new Problem({ type: `urn:digits:problem:${kind}`, title, status: 0, detail });
}

/** An address that the page's content policy lets become a script. */
function trusted(url) {
  policy ??= globalThis.trustedTypes?.createPolicy("ondevice", { createScriptURL: (address) => address });
  return policy ? policy.createScriptURL(url.href) : url;
}

/** Numbers of ink as grey pixels. */
function shades(ink) {
  const image = new ImageData(28, 28);
  ink.forEach((value, i) => image.data.set([value, value, value, 255], 4 * i));
  return image;
}
