// Addresses of workers' scripts. The content security policy lets the page start those alone that this policy made, and
// it makes them of this origin alone.

let policy;

/** What `new Worker()` and `register()` take for this URL. Throws for one of another origin. */
export function trustedScriptUrl(url) {
  policy ??= globalThis.trustedTypes?.createPolicy("same-origin", { createScriptURL: sameOrigin }) ?? {
    createScriptURL: sameOrigin,
  };
  return policy.createScriptURL(url.href);
}

function sameOrigin(address) {
  if (new URL(address).origin !== location.origin) throw new TypeError(`${address} is of another origin`);
  return address;
}
