// The stack as a table to take home: CSV, JSON, and text that can be pasted into a spreadsheet.

import { linesOf } from "./lines.js";

const COLUMNS = ["file", "page", "line", "field", "text", "confidence", "accepted", "corrected", "original"];
const BYTE_ORDER_MARK = "\ufeff"; // without it, Excel takes UTF-8 for the system's own encoding

/** A row for each line of the sheets that are read. `accepted`: by the service or by a person. */
export function rowsOf(sheets) {
  const read = sheets.filter(({ state }) => state === "read");
  return read.flatMap((sheet) => linesOf(sheet).map((line) => rowOf(sheet, line)));
}

function rowOf({ name }, { page, number, reading, text, status }) {
  return {
    file: name,
    page,
    line: number,
    field: reading.name ?? "",
    text,
    confidence: Number(reading.confidence.toFixed(4)),
    accepted: status !== "doubtful",
    corrected: status === "corrected",
    original: reading.text,
  };
}

/** RFC 4180. */
export function toCsv(sheets) {
  const lines = rowsOf(sheets).map((row) => COLUMNS.map((column) => csvCell(row, column)).join(","));
  return `${BYTE_ORDER_MARK}${[COLUMNS.join(","), ...lines].join("\r\n")}\r\n`;
}

function csvCell(row, column) {
  const text = harmless(String(row[column]));
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/**
 * Spreadsheets run what begins like a formula, also behind spaces or in full width: neither a file's name nor what stands
 * on a sheet may be one. Numbers such as -5 stay as they are.
 */
function harmless(text) {
  const isFormula = /^\s*[=+\-@＝＋－＠]/.test(text) && !/^[+-]?\d[\d.,: ]*%?$/.test(text);
  return isFormula ? `'${text}` : text;
}

/** With the files that could not be read, and why. */
export function toJson(sheets) {
  const failed = sheets.filter(({ state }) => state === "failed");
  const document = {
    lines: rowsOf(sheets),
    failed: failed.map(({ name, problem }) => ({ file: name, reason: `${problem.title}: ${problem.detail}` })),
    unread: sheets.filter(({ state }) => state !== "failed" && state !== "read").map(({ name }) => name),
  };
  return JSON.stringify(document, null, 2);
}

/** Tabs between the columns. */
export function toText(sheets) {
  const lines = rowsOf(sheets).map((row) => COLUMNS.map((column) => textCell(row, column)));
  return [COLUMNS, ...lines].map((cells) => cells.join("\t")).join("\n");
}

function textCell(row, column) {
  return harmless(String(row[column]).replaceAll(/\s/g, " "));
}

/** Hands a file to the browser to save. */
export function download(name, type, text) {
  const link = document.createElement("a");
  link.download = name;
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // the browser may read it later
}
