// The files of a page around a net, as `cleave init` writes them: they are for its user to change.

import { jsString } from "#diagnostic/escape.js";

export interface PageOptions {
  /** The name of the emitted module in the folder `model`. */
  readonly module: string;
  /** The command that compiles the model again. */
  readonly script: string;
  /** Whether the net has the method `classify`. */
  readonly classifies: boolean;
}

/** The texts of the page's files, by name. */
export function pageFiles({ module, script, classifies }: PageOptions): Readonly<Record<string, string>> {
  const description = {
    private: true,
    type: "module",
    scripts: { compile: script, dev: "vite", build: "vite build", preview: "vite preview" },
    devDependencies: { vite: "^8.0.0" },
  };
  return {
    "package.json": `${JSON.stringify(description, undefined, 2)}\n`,
    "vite.config.js": config,
    ".gitignore": "node_modules\ndist\n",
    "index.html": html,
    "main.js": `${opening(module)}${classifies ? classes : values}${closing}`,
  };
}

const config = `/** @type {import("vite").UserConfig} */
export default {
  // The built page runs in any folder of a server.
  base: "./",
};
`;

const html = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="color-scheme" content="light dark" />
    <title>A network in a page</title>
    <link rel="icon" href="data:," />
    <style>
      body { max-width: 40rem; margin: 2rem auto; padding: 0 1rem; font: 1rem/1.5 system-ui, sans-serif; }
      img { display: block; max-width: 100%; max-height: 60vh; margin: 1rem 0; }
      progress { width: 100%; }
      #result { white-space: pre-line; overflow-wrap: anywhere; }
    </style>
    <script type="module" src="./main.js"></script>
  </head>
  <body>
    <h1>A network in a page</h1>
    <progress id="progress" aria-label="Loading the network"></progress>
    <p><label>Choose a picture: <input id="file" type="file" accept="image/*" disabled /></label></p>
    <img id="picture" alt="The chosen picture" hidden />
    <p><output id="result" for="file"></output></p>
    <button id="retry" type="button" hidden>Retry</button>
  </body>
</html>
`;

const opening = (module: string): string => `// Loads the net, and runs it on each picture that is chosen.

import { load } from ${jsString(`./model/${module}`)};

const progress = document.getElementById("progress");
const retry = document.getElementById("retry");
const file = document.getElementById("file");
const picture = document.getElementById("picture");
const result = document.getElementById("result");

let net;

/** Loads the net; the bar shows how much of its weights has arrived. */
async function start() {
  progress.hidden = false;
  retry.hidden = true;
  result.textContent = "";
  try {
    net = await load({
      cache: true, // The browser keeps the weights for the next visit.
      onProgress({ loaded, total }) {
        progress.value = loaded / total;
      },
    });
    file.disabled = false;
  } catch (error) {
    result.textContent = error.message;
    retry.hidden = false;
  }
  progress.hidden = true;
}

/** Shows a picture, and what the net says of it. */
async function show(chosen) {
  URL.revokeObjectURL(picture.src);
  picture.src = URL.createObjectURL(chosen);
  result.textContent = "";
  try {
    await picture.decode();
    picture.hidden = false;
  } catch {
    picture.hidden = true;
    result.textContent = "The browser cannot read this file as a picture.";
    return;
  }
  try {
    result.textContent = await answer();
  } catch (error) {
    result.textContent = error.message;
  }
}

`;

const classes = `/** What the net says of the picture: the three most probable classes. */
async function answer() {
  const found = await net.classify(picture, { top: 3 });
  return found.map(({ label, probability }) => \`\${label}: \${(100 * probability).toFixed(1)} %\`).join("\\n");
}
`;

const values = `/** What the net says of the picture: the shape and the range of each output, and its first values. */
async function answer() {
  const [input] = Object.keys(net.pictures);
  const outputs = await net.run({ [input]: picture });
  const lines = Object.entries(outputs).map(([name, values]) => {
    const least = values.reduce((a, b) => Math.min(a, b));
    const greatest = values.reduce((a, b) => Math.max(a, b));
    const first = [...values.slice(0, 5)].map((value) => value.toPrecision(3)).join(", ");
    return \`\${name} [\${net.outputs[name].join(", ")}]: \${first} … (\${least.toPrecision(3)} to \${greatest.toPrecision(3)})\`;
  });
  return lines.join("\\n");
}
`;

const closing = `
retry.addEventListener("click", start);
file.addEventListener("change", () => {
  const [chosen] = file.files;
  if (chosen) show(chosen);
});
start();
`;
