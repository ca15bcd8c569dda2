// The state of the service at this moment, from the JSON of /health.

import { element, facts, startPage, table } from "./about_page.js";
import { health } from "./digits.js";
import { translate } from "./translations.js";

const REFRESH_MS = 3000;
const STATES = { ready: "ready", "not ready": "notReady", stopping: "stopping" };
// The seconds of each unit, and its message.
const UNITS = [
  [86_400, "days"],
  [3600, "hours"],
  [60, "minutes"],
  [1, "seconds"],
];

startPage({ title: "healthTitle", load: health, render, refreshMs: REFRESH_MS });

function render(answer) {
  const summary = element("section", [state(answer), technicalFacts(answer)], "card");
  const parts = [summary, element("section", modelTable(answer.models), "card")];
  if (answer.refused.length > 0) parts.push(element("section", refusedTable(answer.refused), "card"));
  parts.push(element("p", translate("updated", { seconds: REFRESH_MS / 1000 }), "note"));
  return parts;
}

function state({ status, reason }) {
  const key = STATES[status];
  const detail = reason || (key === "notReady" ? "" : translate(`${key}Detail`));
  const className = key === "ready" ? "headline good" : "headline bad";
  return element("p", [element("strong", translate(key)), element("span", detail)], className);
}

function technicalFacts({ version, device, uptime_s: uptime, pid }) {
  return facts([
    ["serviceVersion", version],
    ["device", device === "cpu" ? "CPU" : "GPU"],
    ["uptime", formatDuration(uptime)],
    ["process", String(pid)],
  ]);
}

function modelTable(models) {
  const columns = ["model", "version", "runsOn", "precision", "queued", "failedRuns", "state"];
  return table(translate("models"), columns, models.map(modelRow));
}

function modelRow({ name, version, device, precision, labels, queued, failed_runs: failedRuns, problem }) {
  const versionText = [version, ...labels].join(", ");
  const where = device === "cpu" ? "CPU" : "GPU";
  return [name, versionText, where, precision, String(queued), String(failedRuns), problem || translate("works")];
}

function refusedTable(refused) {
  const rows = refused.map(({ name, entry, reason }) => [
    name,
    entry === "." ? translate("wholeFolder") : entry,
    reason,
  ]);
  return table(translate("refusedFiles"), ["model", "file", "reason"], rows);
}

/** Its two largest units. */
function formatDuration(seconds) {
  const largest = UNITS.findIndex(([unit]) => seconds >= unit || unit === 1);
  const shown = UNITS.slice(largest, largest + 2);
  const counts = shown.map(([unit], i) => Math.floor((i ? seconds % shown[0][0] : seconds) / unit));
  return shown.map(([, key], i) => translate(key, { count: counts[i] })).join(" ");
}
