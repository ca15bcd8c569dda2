// The request that the page has just made, as programs: for curl, Python and JavaScript.

import { storedKey } from "./api_key.js";
import { translate } from "./translations.js";

const SERVICE = new URL("..", import.meta.url).href;
const KEY = "YOUR_API_KEY"; // never the visitor's own: code is pasted into places that others see
const PARAMETERS = { returnImage: "return_image" }; // where the client's option has another name
const MEMBERS = { predict: "predictions", read: "text" }; // of the answer: what most callers want
const LANGUAGES = { curl, python, javascript };

const $ = (id) => document.getElementById(id);
let request;

/** `getRequest()`: the last request, as `showCode` takes it. */
export function initialize(getRequest) {
  $("code-open").addEventListener("click", () => open(getRequest()));
  $("code-languages").addEventListener("change", showCode);
  $("code-copy").addEventListener("click", copy);
  $("code-save").addEventListener("click", savePicture);
  $("code-copy").hidden = !navigator.clipboard; // browsers have it with TLS and on this machine only
}

/**
 * `route`: "predict" or "read"; `options`: of the client's function; `picture`: a File or a canvas; `sent`: false if this
 * browser has read the picture itself.
 */
function open({ route, options, picture, sent }) {
  const { name, type } = picture instanceof File ? picture : { name: "drawing.png", type: "image/png" };
  request = { route, options, picture, name, type: type || "application/octet-stream" };
  $("code-note").textContent = sent ? "" : translate("codeNotSent");
  $("code-save").textContent = translate("savePicture", { name });
  showCode();
  $("code").showModal();
}

function showCode() {
  const { value } = $("code-languages").querySelector(":checked");
  $("code-text").textContent = LANGUAGES[value](request, storedKey() !== undefined);
  $("code-copy").textContent = translate("copy");
}

/** As the service's client makes it. */
function urlOf({ route, options }) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(options)) query.set(PARAMETERS[name] ?? name, value);
  return `${SERVICE}${route}?${query}`;
}

function curl({ name, type, ...rest }, keyed) {
  const lines = [
    `curl --data-binary ${shellQuoted(`@${name}`)}`,
    `-H ${shellQuoted(`Content-Type: ${type}`)}`,
    keyed && `-H 'X-API-Key: ${KEY}'`,
    shellQuoted(urlOf(rest)),
  ];
  return lines.filter(Boolean).join(" \\\n  ");
}

function python({ route, name, type, ...rest }, keyed) {
  const headers = Object.entries({ "Content-Type": type, ...(keyed && { "X-API-Key": KEY }) });
  const items = headers.map(([header, value]) => `${JSON.stringify(header)}: ${JSON.stringify(value)}`);
  return `import json
import urllib.request

with open(${JSON.stringify(name)}, "rb") as picture:
    request = urllib.request.Request(
        ${JSON.stringify(urlOf({ route, ...rest }))},
        data=picture.read(),
        headers={${items.join(", ")}},
    )
with urllib.request.urlopen(request) as response:
    answer = json.load(response)
print(answer["${MEMBERS[route]}"])
`;
}

function javascript({ route, options }, keyed) {
  const given = { ...options, ...(keyed && { apiKey: KEY }) };
  const members = Object.entries(given).map(([name, value]) => `${name}: ${JSON.stringify(value)}`);
  return `// ${translate("codeOrigins")}
import { ${route} } from ${JSON.stringify(`${SERVICE}static/digits.js`)};

const [picture] = document.querySelector("input[type=file]").files;
const answer = await ${route}(picture, { ${members.join(", ")} });
console.log(answer.${MEMBERS[route]});
`;
}

/** For POSIX shells. */
function shellQuoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

async function copy() {
  await navigator.clipboard.writeText($("code-text").textContent);
  $("code-copy").textContent = translate("copied");
}

/** So that the code finds the picture that it names. */
async function savePicture() {
  const { picture, name } = request;
  const content = picture instanceof Blob ? picture : await picture.convertToBlob({ type: "image/png" });
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(content), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // the download reads it meanwhile
}
