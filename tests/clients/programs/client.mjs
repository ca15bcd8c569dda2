// Node's http or fetch: node client.mjs BASE PICTURE LARGE MODULE
import { readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import { gzipSync } from "node:zlib";

const [, , base, pictureFile, largeFile, module] = process.argv;
const picture = readFileSync(pictureFile);
const large = readFileSync(largeFile);
const agent = new (base.startsWith("https") ? https : http).Agent({ keepAlive: true });

function byHttp(path, method, body, headers, chunked) {
  const { request } = base.startsWith("https") ? https : http;
  return new Promise((resolve, reject) => {
    const length = body && !chunked ? { "Content-Length": body.length } : {};
    const sent = request(base + path, { method, agent, headers: { ...length, ...headers } }, async (response) => {
      const pieces = await response.toArray();
      resolve([response.statusCode, Buffer.concat(pieces).toString()]);
    });
    sent.on("error", reject);
    if (headers.Expect) {
      sent.on("continue", () => sent.end(body));
      sent.flushHeaders();
    } else {
      sent.end(body);
    }
  });
}

async function byFetch(path, method, body, headers, chunked) {
  const content = chunked ? new Blob([body]).stream() : body;
  const response = await fetch(base + path, { method, body: content, headers, duplex: "half" });
  return [response.status, await response.text()];
}

async function send(name, path, method, body, headers = {}, chunked = false) {
  try {
    const [status, text] = await (module === "fetch" ? byFetch : byHttp)(path, method, body, headers, chunked);
    console.log(`${name}\t${status}\t${text.replaceAll("\n", " ")}`);
  } catch (error) {
    console.log(`${name}\t0\t${error.cause ?? error}`);
  }
}

await send("probe", "/v2/health/ready", "GET");
await send("head", "/v2/health/ready", "HEAD");
await send("post", "/predict", "POST", picture, { "Content-Type": "image/png" });
await send("chunked", "/predict", "POST", picture, {}, true);
await send("gzip", "/predict", "POST", gzipSync(picture), { "Content-Encoding": "gzip" });
if (module === "fetch") {
  const form = new FormData();
  form.append("a", new Blob([picture]), "a.png");
  await send("form", "/predict", "POST", form);
} else {
  const head = '--b\r\nContent-Disposition: form-data; name="a"; filename="a.png"\r\n\r\n';
  const form = Buffer.concat([Buffer.from(head), picture, Buffer.from("\r\n--b--\r\n")]);
  await send("form", "/predict", "POST", form, { "Content-Type": "multipart/form-data; boundary=b" });
  await send("continue", "/predict", "POST", picture, { Expect: "100-continue" });
}
await send("too large", "/predict", "POST", large);
await send("too large chunked", "/predict", "POST", large, {}, true);
for (let count = 0; count < 3; count++) await send("again", "/predict", "POST", picture);
agent.destroy();
