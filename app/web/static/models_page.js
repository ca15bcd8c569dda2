// The models in service: where they run and what they reach, from the JSON of /models.

import { element, facts, startPage, table } from "./about_page.js";
import { models } from "./digits.js";
import { formatPercent, translate } from "./translations.js";

const TEST_DIGITS = "MNIST test, 10,000 digits";

startPage({ title: "modelsTitle", load: models, render });

/** The default model's newest version first. */
function render({ default: name, models: served }) {
  const newestFirst = served.toReversed();
  const others = newestFirst.filter(({ manifest }) => manifest.name !== name);
  const ordered = [...newestFirst.filter(({ manifest }) => manifest.name === name), ...others];
  return ordered.map((model) => card(model, model === ordered[0]));
}

function card({ device, precision, manifest }, isDefault) {
  const graph = precision === "int8" && manifest.int8 ? manifest.int8 : manifest;
  const title = element("h3", [`${manifest.name} `, element("span", String(manifest.version), "version")]);
  if (isDefault) title.append(" ", element("span", translate("defaultModel"), "badge"));
  const metrics = Map.groupBy(graph.metrics, ({ data }) => data);
  const parts = [
    title,
    headline(metrics.get(TEST_DIGITS) ?? []),
    technicalFacts({ device, precision, manifest, graph }),
  ];
  if (metrics.size > 0) parts.push(figures(metrics));
  return element("section", parts, "card");
}

function headline(metrics) {
  const accuracy = find(metrics, "accuracy");
  const error = find(metrics, "expected_calibration_error");
  if (!accuracy) return "";
  const text = translate("accuracyOf", { percent: formatPercent(accuracy.value, 2) });
  const detail = [TEST_DIGITS, accuracy.interval && `${translate("interval")}: ${formatInterval(accuracy.interval)}`];
  if (error) detail.push(`${translate("calibrationError")}: ${formatPercent(error.value, 2)}`);
  return element("p", [element("strong", text), element("span", detail.filter(Boolean).join(" · "))], "headline");
}

function technicalFacts({ device, precision, manifest, graph }) {
  const language = document.documentElement.lang;
  return facts([
    ["runsOn", device === "cpu" ? "CPU" : "GPU"],
    ["precision", precision],
    ["acceptedFrom", formatPercent(manifest.threshold, 1)],
    ["parameters", manifest.parameters.toLocaleString(language)],
    ["graphSize", `${Math.round(graph.bytes / 1000).toLocaleString(language)} kB`],
    ["created", new Date(manifest.created).toLocaleDateString(language, { dateStyle: "medium" })],
  ]);
}

/** All figures of the graph that runs, out of sight until they are asked for. */
function figures(metrics) {
  const summary = element("summary", translate("figures"));
  const rows = [...metrics].map(([data, ofData]) => [data, (name) => find(ofData, name)]);
  const digits = rows.filter(([, get]) => get("accuracy"));
  const others = rows.filter(([, get]) => get("share_refused"));
  const tables = [
    table(translate("testSet"), ["testSet", "accuracy", "interval", "calibrationError"], digits.map(digitRow)),
  ];
  if (others.length > 0) {
    tables.push(
      table(translate("otherPictures"), ["otherPictures", "refusedShare", "auroc"], othersRows(others, metrics)),
    );
  }
  return element("details", [summary, element("p", translate("calibrationNote")), ...tables]);
}

function digitRow([data, get]) {
  const { value, interval } = get("accuracy");
  const error = get("expected_calibration_error");
  return [
    data,
    formatPercent(value, 2),
    interval ? formatInterval(interval) : "",
    error ? formatPercent(error.value, 2) : "",
  ];
}

/** The area under the curve is listed under the same pictures "against" the test digits. */
function othersRows(rows, metrics) {
  return rows.map(([data, get]) => {
    const [, against] = [...metrics].find(([other]) => other.startsWith(`${data}, against`)) ?? [data, []];
    const auroc = find(against, "auroc");
    return [data, formatPercent(get("share_refused").value, 1), auroc ? auroc.value.toFixed(4) : ""];
  });
}

function find(metrics, wanted) {
  return metrics.find(({ name }) => name === wanted);
}

function formatInterval([low, high]) {
  return `${formatPercent(low, 2)} – ${formatPercent(high, 2)}`;
}
