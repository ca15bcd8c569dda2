// What can be undone: corrections, turned and cropped pictures, removed sheets. It lasts as long as the page.

const STEPS = 200; // pictures of undone turns take memory

export class History {
  constructor() {
    this.steps = [];
  }

  get empty() {
    return this.steps.length === 0;
  }

  /** `undo()`: takes the step back, and resolves to the sheet and the key of the line to show. */
  add(undo) {
    this.steps.push(undo);
    if (this.steps.length > STEPS) this.steps.shift();
  }

  undo() {
    return this.steps.pop()?.();
  }

  clear() {
    this.steps = [];
  }
}
