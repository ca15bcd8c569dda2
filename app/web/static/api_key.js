// The API key and the form that asks for it. The key is kept until the tab is closed and never appears in a URL.

const STORAGE_KEY = "digits.apiKey";

const form = document.getElementById("key");
const [field] = form.elements;

/** The key to send; undefined until one is entered. */
export function storedKey() {
  return sessionStorage.getItem(STORAGE_KEY) ?? undefined;
}

/** Calls `onenter()` when a key is entered. */
export function initialize(onenter) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    sessionStorage.setItem(STORAGE_KEY, field.value.trim());
    onenter();
  });
  for (const link of document.querySelectorAll("[data-needs-key]")) link.addEventListener("click", followWithKey);
}

/** Fetches a link's target and shows it as a document: browsers cannot send a key when they follow a link. */
async function followWithKey(event) {
  if (storedKey() === undefined) return;
  event.preventDefault();
  const { href } = event.currentTarget;
  try {
    const response = await fetch(href, { headers: { "X-API-Key": storedKey() } });
    location.assign(URL.createObjectURL(await response.blob()));
  } catch {
    location.assign(href); // the browser shows what is wrong
  }
}

/** Shows the form and forgets the stored key. Returns whether there was one, which the service has thus refused. */
export function showForm() {
  const refused = storedKey() !== undefined;
  sessionStorage.removeItem(STORAGE_KEY);
  field.ariaInvalid = String(refused);
  form.hidden = false;
  if (refused && form.contains(document.activeElement)) {
    field.focus();
    field.select();
  }
  return refused;
}

/** Hides the form. Returns whether it had the focus, which the caller then moves elsewhere. */
export function hideForm() {
  const focused = form.contains(document.activeElement);
  form.hidden = true;
  field.value = "";
  return focused;
}
