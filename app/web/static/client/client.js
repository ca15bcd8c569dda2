// The functions of the JavaScript client, which the service serves as digits.js and clients/js packs for npm.

import { encodeForm, toBlob } from "./pictures.js";
import { Problem } from "./problem.js";
import { processAll } from "./queue.js";
import { request } from "./request.js";

export { Problem };

/** Reads pictures that show one digit each: a single picture, or an array of them. */
export function predict(pictures, options = {}) {
  const body = encodeBody(pictures, options);
  return post("predict", body, options, { return_image: options.returnImage, on_error: options.onError });
}

/** Reads a picture that shows several digits, on one line or more. */
export async function read(picture, options = {}) {
  const { alternatives, length, pattern, values, check, template, pages } = options;
  const parameters = { alternatives, length, pattern, values, check, pages };
  if (typeof template !== "object")
    return post("read", encodeBody(picture, options), options, { ...parameters, template });
  const form = encodeForm({ page: picture }, { template: template && JSON.stringify(template) }, options);
  return post("read", form, options, parameters);
}

/** Reads a PDF document, or a TIFF file of several pages. */
export function readDocument(file, options = {}) {
  return read(file, options);
}

/** Reads many pictures or documents, a few at a time. An error of one is in its entry and does not stop the others. */
export function readAll(pictures, { concurrency = 4, onEntry, onProgress, ...options } = {}) {
  const readOne = async (picture, signal) => ({ reading: await read(picture, { ...options, signal }) });
  return processAll(pictures, readOne, { concurrency, onEntry, onProgress, signal: options.signal });
}

/** Reads a picture of one digit and explains which pixels are evidence for it, or for `options.digit`. */
export function explain(picture, options = {}) {
  const body = encodeBody(picture, options);
  return post("explain", body, options, { return_image: options.returnImage, digit: options.digit });
}

/** Sends a picture with its right digits, or "none", for models to learn from. */
export async function correct(picture, digits, options = {}) {
  const { region, read: misread, model, version } = options;
  const body = await encodeForm({ picture }, { digits, region, read: misread, model, version }, options);
  return request("corrections", { method: "POST", body }, options);
}

/** Whether the service can be reached and accepts requests. */
export async function ready(options = {}) {
  try {
    await request("health/ready", {}, { ...options, retries: 0 });
    return true;
  } catch (error) {
    if (error instanceof Problem) return false;
    throw error;
  }
}

/** The name of the default model, and every version that is served, with its manifest. */
export function models(options = {}) {
  return request("models", {}, options);
}

/** The state of the service: its device, models and queue. */
export function health(options = {}) {
  return request("health", {}, options);
}

/** The functions above with these options, unless a call has its own. */
export function connect(defaults) {
  const complete = (options) => ({ ...defaults, ...withoutUndefined(options) });
  return {
    predict: (pictures, options) => predict(pictures, complete(options)),
    read: (picture, options) => read(picture, complete(options)),
    readDocument: (file, options) => readDocument(file, complete(options)),
    readAll: (pictures, options) => readAll(pictures, complete(options)),
    explain: (picture, options) => explain(picture, complete(options)),
    correct: (picture, digits, options) => correct(picture, digits, complete(options)),
    ready: (options) => ready(complete(options)),
    models: (options) => models(complete(options)),
    health: (options) => health(complete(options)),
  };
}

function withoutUndefined(options = {}) {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

/** `body`: a promise of it. */
async function post(route, body, options, parameters) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries({ model: options.model, version: options.version, ...parameters })) {
    if ((value ?? false) !== false) query.set(name, value);
  }
  return request(`${route}?${query}`, { method: "POST", body: await body }, options);
}

function encodeBody(pictures, options) {
  const several = Array.isArray(pictures) || Object.prototype.toString.call(pictures) === "[object FileList]";
  return several ? encodeForm({ images: [...pictures] }, {}, options) : toBlob(pictures, options);
}
