// The pictures of a scanned PDF's pages, where each page is a JPEG file within the document, as most scanners write it.
// Browsers give pages no other way to draw a PDF.

const JPEG_START = "\xff\xd8\xff";
const SAME_SHAPE = 0.02; // of the ratio of the sides
const SIZE_MARKERS = [0xc0, 0xc1, 0xc2]; // of the frame header of a JPEG: baseline, extended, progressive

/** A JPEG file for each page; null for all of them unless the document has just one of the shape of each page. */
export async function scannedPages(file, pages) {
  const jpegs = await embeddedJpegs(file);
  const fits = pages.length === jpegs.length && pages.every(({ size }, i) => isOfShape(jpegs[i].size, size));
  return pages.map((_, i) => (fits ? jpegs[i].blob : null));
}

/** JPEG files within a PDF and their sizes, in the order in which they stand there. None in other files. */
async function embeddedJpegs(file) {
  const bytes = await file.arrayBuffer();
  const text = new TextDecoder("latin1").decode(bytes);
  if (!text.startsWith("%PDF")) return [];
  const found = [];
  for (const { index } of text.matchAll(/\/DCTDecode\b/g)) {
    const stream = text.indexOf("stream", index);
    const start = text.indexOf(JPEG_START, stream);
    const end = text.indexOf("endstream", start);
    if (stream < 0 || end < 0 || start - stream > "stream\r\n".length) continue; // the JPEG is compressed again
    const size = jpegSize(new DataView(bytes, start, end - start));
    if (size) found.push({ blob: new Blob([bytes.slice(start, end)], { type: "image/jpeg" }), size });
  }
  return found;
}

/** Width and height from the frame header; null without one. */
function jpegSize(view) {
  let at = 2;
  while (at + 9 < view.byteLength && view.getUint8(at) === 0xff) {
    if (SIZE_MARKERS.includes(view.getUint8(at + 1))) return [view.getUint16(at + 7), view.getUint16(at + 5)];
    at += 2 + view.getUint16(at + 2);
  }
  return null;
}

function isOfShape([width, height], [pageWidth, pageHeight]) {
  return Math.abs((width * pageHeight) / (height * pageWidth) - 1) < SAME_SHAPE;
}
