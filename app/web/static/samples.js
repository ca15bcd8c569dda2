// Pictures to try the page with: one digit, a photographed sheet and a form, drawn for this page.

const buttons = document.querySelectorAll("#samples button");

/** Calls `onchoose(mode, file)` when the user chooses a sample. `mode`: "one" or "several". */
export function initialize(onchoose) {
  for (const button of buttons) {
    button.addEventListener("click", async () => {
      const { src } = button.querySelector("img");
      const response = await fetch(src).catch(() => undefined);
      if (!response?.ok) return; // the thumbnail is missing too
      const content = await response.blob();
      onchoose(button.value, new File([content], src.split("/").at(-1), { type: content.type }));
    });
  }
}
