// Keeps the stack in this browser's IndexedDB: sheets with their readings and corrections, and their pictures.

const DATABASE = "digits";
const VERSION = 1;
const SHEETS = "sheets";
const PICTURES = "pictures"; // apart from the sheets, so that a correction does not write a picture again

/** Opens the store of this browser. Some private windows have none. */
export async function openStore() {
  try {
    const request = indexedDB.open(DATABASE, VERSION);
    request.onupgradeneeded = () => {
      request.result.createObjectStore(SHEETS, { keyPath: "id" });
      request.result.createObjectStore(PICTURES);
    };
    return new SheetStore(await resultOf(request));
  } catch {
    return new MemoryStore();
  }
}

class SheetStore {
  constructor(database) {
    this.database = database;
    this.persistent = true;
    database.onversionchange = () => database.close(); // a newer page in another tab needs the database
  }

  /** All sheets, in the order of their ids. */
  sheets() {
    return resultOf(this.database.transaction(SHEETS).objectStore(SHEETS).getAll());
  }

  picture(id) {
    return resultOf(this.database.transaction(PICTURES).objectStore(PICTURES).get(id));
  }

  /** Writes a sheet, and its picture if one is given. Rejects if the storage is full or the file cannot be read. */
  async put(sheet, picture) {
    const transaction = this.database.transaction([SHEETS, PICTURES], "readwrite");
    transaction.objectStore(SHEETS).put(sheet);
    if (picture) transaction.objectStore(PICTURES).put(picture, sheet.id);
    await completed(transaction);
  }

  async remove(ids) {
    const transaction = this.database.transaction([SHEETS, PICTURES], "readwrite");
    for (const id of ids) {
      transaction.objectStore(SHEETS).delete(id);
      transaction.objectStore(PICTURES).delete(id);
    }
    await completed(transaction);
  }
}

/** Keeps the stack until the tab is closed. */
export class MemoryStore {
  constructor() {
    this.persistent = false;
    this.pictures = new Map();
  }

  sheets() {
    return Promise.resolve([]);
  }

  picture(id) {
    return Promise.resolve(this.pictures.get(id));
  }

  async put(sheet, picture) {
    if (picture) this.pictures.set(sheet.id, picture);
  }

  async remove(ids) {
    for (const id of ids) this.pictures.delete(id);
  }
}

function resultOf(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function completed(transaction) {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });
}
