// The package's modules are those that the service serves. They are copied here only while npm packs them.

import { cpSync, rmSync } from "node:fs";
import { basename } from "node:path";

const SOURCES = ["app/web/static/client", "app/web/static/digits.d.ts", "LICENSE"];

for (const source of SOURCES) {
  const target = new URL(basename(source), import.meta.url);
  rmSync(target, { recursive: true, force: true });
  if (process.argv[2] === "copy") cpSync(new URL(`../../${source}`, import.meta.url), target, { recursive: true });
}
