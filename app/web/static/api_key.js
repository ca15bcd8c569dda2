// The API key, where the service asks for one. It is kept until the tab is closed, and goes into no address.

const STORED = "digits.apiKey";

const form = document.getElementById("key");
const field = form.elements[0];

/** The key to send; none before one was entered. */
export function apiKey() {
  return sessionStorage.getItem(STORED) ?? undefined;
}

/** `onkey()` is called when one is entered. */
export function prepare(onkey) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    sessionStorage.setItem(STORED, field.value.trim());
    onkey();
  });
  for (const link of document.querySelectorAll("[data-needs-key]")) link.addEventListener("click", follow);
}

/** Browsers send no key along with a link, so what it leads to is fetched, and shown as a document of its own. */
async function follow(event) {
  if (apiKey() === undefined) return;
  event.preventDefault();
  const { href } = event.currentTarget;
  try {
    const answer = await fetch(href, { headers: { "X-API-Key": apiKey() } });
    location.assign(URL.createObjectURL(await answer.blob()));
  } catch {
    location.assign(href); // the browser says what is wrong
  }
}

/** Shows the field. Returns whether a key was sent and is refused, which is then forgotten. */
export function ask() {
  const refused = apiKey() !== undefined;
  sessionStorage.removeItem(STORED);
  field.ariaInvalid = String(refused);
  form.hidden = false;
  if (refused && form.contains(document.activeElement)) {
    field.focus();
    field.select();
  }
  return refused;
}

/** Hides the field. Returns whether the focus was in it, and so is nowhere now. */
export function accept() {
  const focused = form.contains(document.activeElement);
  form.hidden = true;
  field.value = "";
  return focused;
}
