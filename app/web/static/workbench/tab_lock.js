// Which tab works on the stack that this browser keeps: two would read every sheet twice.

const LOCK = "digits.stack";

/** Resolves to whether this tab has the lock, which it keeps. Without locks, as on pages without TLS, it always has. */
export function claimLock(options = {}) {
  if (!navigator.locks) return Promise.resolve(true);
  return new Promise((resolve) => {
    navigator.locks.request(LOCK, options, (lock) => {
      resolve(lock !== null);
      return lock && new Promise(() => {});
    });
  });
}
