// One HTTP request and its answer, by XMLHttpRequest or by fetch.

import { followed } from "./transfer.js";

const CHUNK_BYTES = 64 * 1024; // of a stream; a body that is no larger is in the socket's buffer at once

/**
 * Resolves to the answer's `status`, `retryAfter` header and `text`, whatever the status. Rejects with the reason of the
 * transfer's signal, or with the error of the network. A browser tells the progress of an upload only by XMLHttpRequest.
 */
export async function send(request, transfer) {
  transfer.signal.throwIfAborted();
  return request.body && globalThis.XMLHttpRequest ? sendByXhr(request, transfer) : sendByFetch(request, transfer);
}

function sendByXhr({ url, method, headers, body }, transfer) {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    xhr.open(method, url);
    for (const [name, value] of headers) xhr.setRequestHeader(name, value);
    xhr.upload.onloadstart = () => transfer.sent(0);
    xhr.upload.onprogress = ({ loaded, total }) => loaded < total && transfer.sent(loaded / total);
    xhr.upload.onload = () => transfer.sent(1);
    xhr.onprogress = () => transfer.received();
    xhr.onload = () =>
      resolve({ status: xhr.status, retryAfter: xhr.getResponseHeader("Retry-After"), text: xhr.responseText });
    xhr.onerror = () => reject(new TypeError("the browser reports a network error"));
    transfer.signal.addEventListener("abort", () => {
      xhr.abort();
      reject(transfer.signal.reason);
    });
    xhr.send(body);
  });
}

async function sendByFetch({ url, method, headers, body }, transfer) {
  const { signal } = transfer;
  const init = body ? await encode(body, headers, transfer) : { headers };
  const response = await fetch(url, { method, signal, ...init });
  transfer.received();
  const text = await followed(response, transfer).text();
  return { status: response.status, retryAfter: response.headers.get("Retry-After"), text };
}

/** The body and headers for fetch. Node.js sends a stream as fast as the connection takes it; browsers cannot. */
async function encode(body, headers, transfer) {
  const encoded = new Response(body); // a form's boundary is in the type that it gets here
  const type = encoded.headers.get("Content-Type");
  if (type) headers.set("Content-Type", type);
  const blob = await encoded.blob();
  transfer.sent(0);
  if (blob.size > CHUNK_BYTES && globalThis.process?.versions?.node) {
    return { headers, body: streamOf(blob, transfer), duplex: "half" };
  }
  transfer.sent(1);
  return { headers, body: blob };
}

function streamOf(blob, transfer) {
  let sentBytes = 0;
  const pull = async (controller) => {
    if (sentBytes > 0) transfer.sent(sentBytes / blob.size); // the connection has taken the chunk before this one
    if (sentBytes === blob.size) return controller.close();
    const chunk = await blob.slice(sentBytes, sentBytes + CHUNK_BYTES).arrayBuffer();
    sentBytes += chunk.byteLength;
    return controller.enqueue(new Uint8Array(chunk));
  };
  return new ReadableStream({ pull }, { highWaterMark: 0 });
}
