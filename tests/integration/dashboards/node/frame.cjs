// Sends a frame through Grafana's own transformations, as its front end does with what a data source answered.
// In: {"package", "frame": a data frame as the data source sends it, "transformations": those of the panel}.
// Out: {"fields": {name: {"type", "values"}}}.
const { JSDOM } = require("jsdom");

// The package is made for browsers: on loading it looks for these.
const { window } = new JSDOM("<!doctype html><html><body></body></html>", { url: "http://localhost/" });
const provided = { window, document: window.document, navigator: window.navigator, location: window.location };
for (const [name, value] of Object.entries({ ...provided, localStorage: window.localStorage, DOMParser: window.DOMParser,
  Element: window.Element, HTMLElement: window.HTMLElement, Node: window.Node, getComputedStyle: window.getComputedStyle })) {
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
}
window.grafanaBootData = { settings: {}, user: {} };

const { of, lastValueFrom } = require("rxjs");

async function main(input) {
  const grafana = require(input.package);
  let frames = [grafana.dataFrameFromJSON(input.frame)];
  for (const { id, options } of input.transformations) {
    const transformer = Object.values(grafana.standardTransformers).find((known) => known.id === id);
    frames = await lastValueFrom(of(frames).pipe(transformer.operator(options, { interpolate: (text) => text })));
  }
  const fields = frames[0].fields.map((field) => [field.name, { type: field.type, values: Array.from(field.values) }]);
  process.stdout.write(JSON.stringify({ fields: Object.fromEntries(fields) }));
}

let text = "";
process.stdin.on("data", (part) => (text += part)).on("end", () => main(JSON.parse(text)));
