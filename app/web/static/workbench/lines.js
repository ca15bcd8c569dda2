// The lines of a sheet: what the service read there, and what a person has made of it.

/**
 * A line: `key` within its sheet, `page` and `number` from 1, what was read (`reading`), `text` as it is now, and
 * `status`: "sure" or "doubtful" as the service judged, "accepted" or "corrected" by a person.
 */
export function linesOf(sheet) {
  return sheet.pages.flatMap((page, pageIndex) =>
    page.lines.map((reading, index) => {
      const key = `${pageIndex}:${index}`;
      const edit = sheet.edits[key];
      const text = edit?.text ?? reading.text;
      return { key, pageIndex, page: page.number, number: index + 1, reading, text, status: statusOf(reading, edit) };
    }),
  );
}

function statusOf(reading, edit) {
  if (!edit) return reading.accepted ? "sure" : "doubtful";
  return edit.text === reading.text ? "accepted" : "corrected";
}

export function isDoubtful({ status }) {
  return status === "doubtful";
}

export function countDoubtful(sheets) {
  return sheets.reduce((count, sheet) => count + linesOf(sheet).filter(isDoubtful).length, 0);
}

export function isDoubtfulSign({ kind, accepted }) {
  return !accepted || kind === "other"; // ink that is none of the signs
}

/** Where the first doubtful sign is in the text of a line as it was read: [start, end]. Null if none is doubtful. */
export function doubtfulRange({ signs, text }) {
  let start = 0;
  for (const sign of signs) {
    const end = start + sign.text.length;
    if (isDoubtfulSign(sign) && end <= text.length) return [start, end];
    start = end;
  }
  return null;
}

/**
 * The pages of an answer of /read, each with its lines. `factor`: pixels of the kept picture for one of the picture that
 * was sent. With a template the fields are the lines, and have names.
 */
export function pagesOf(answer, factor) {
  return (answer.pages ?? [answer]).map(({ number = 1, width, height, readings, fields, page }) => ({
    number,
    size: width ? [width, height] : null,
    turned: page.turned,
    outline: page.sheet?.map((corner) => corner.map((value) => value * factor)) ?? null,
    lines: (fields ? fieldLines(fields) : readings).map((line) => scaled(line, factor)),
  }));
}

function fieldLines(fields) {
  return Object.entries(fields).map(([name, field]) => ({ ...field, name, signs: [] }));
}

function scaled(line, factor) {
  const scale = (box) => box.map((value) => value * factor);
  return { ...line, box: scale(line.box), signs: line.signs.map((sign) => ({ ...sign, box: scale(sign.box) })) };
}
