// The page: draw or open a picture, choose net and target, and see what the net recognizes and how long it takes.

import type { Net } from "../../src/runtime/types.js";
import labelText from "../fashion_mnist.labels.txt?raw";
import trueLabelText from "../images/labels.txt?raw";
import { addChoice, bytesText, duration, element, showBars, showFacts, titleOf } from "./controls.js";
import { createNets, messageOf } from "./loading.js";
import { createLoop } from "./loop.js";
import { keepFiles } from "./offline.js";
import { addOpening, createOpener } from "./opening.js";
import { createPad, paint } from "./pad.js";
import type { Picture } from "./picture.js";
import { readPicture, toInput } from "./picture.js";
import type { Choice, Timing } from "./programs.js";
import { loadProgram, readManifest, sleep, threadCounts, time, whyNot } from "./programs.js";
import type { Demo, Shown } from "./shown.js";

const exampleUrls = import.meta.glob<string>("../images/*.png", {
  eager: true,
  query: "?url",
  import: "default",
});
const labels = labelText.trim().split("\n");
const trueLabels = new Map(
  trueLabelText
    .trim()
    .split("\n")
    .map((line) => [line.slice(0, line.indexOf(" ")), line.slice(line.indexOf(" ") + 1)]),
);
const manifest = readManifest();
const counts = threadCounts();
let choice: Choice = {
  net: manifest.nets[0]?.name ?? "",
  target: manifest.defaultTarget,
  threads: counts.filter((count) => count <= 4).at(-1) ?? 1,
};
let threads: number | undefined;
let shown: Shown | undefined;

const message = element("message");
const loop = createLoop(turn);
const nets = createNets<Choice, Net>({
  panel: element("loading"),
  load: loadProgram,
  again: () => loop.request(),
});
const pad = createPad(element("pad", HTMLCanvasElement), element("ring"), () => {
  message.textContent = "";
  loop.request();
});

/** Loads the chosen net, runs it on the drawing, and times it if no other request waits. */
async function turn(signal: AbortSignal): Promise<void> {
  const gray = pad.gray();
  paint(gray, element("preview", HTMLCanvasElement));
  try {
    let net = await nets.of(choice);
    threads = net?.threads;
    if (!net) {
      showAnswer(undefined);
      showProgram(undefined);
      return;
    }
    const pixels = toInput(gray);
    const base = { net: choice.net, target: choice.target, threads: net.threads ?? 1, pixels: [...pixels] };
    if (gray.every((value) => value === 0)) {
      shown = base;
      showAnswer(undefined);
      showProgram(undefined);
      return;
    }
    const outputs = await net.run({ image: pixels }).catch(async (error: unknown) => {
      // A device gets lost when its driver restarts or the computer sleeps. The net is loaded onto a new device, once.
      if ((error as { code?: unknown }).code !== "device-lost") throw error;
      nets.unload();
      const again = await nets.of(choice);
      if (!again) throw error;
      net = again;
      return net.run({ image: pixels });
    });
    const [logits = new Float32Array()] = Object.values(outputs);
    shown = { ...base, logits: [...logits], label: labels[logits.indexOf(Math.max(...logits))] ?? "" };
    showAnswer(logits);
    await sleep(150, signal);
    if (signal.aborted) return;
    const timing = await time(net, { image: pixels }, signal);
    if (!timing) return;
    shown = { ...shown, milliseconds: timing.milliseconds };
    showProgram(timing);
  } catch (error) {
    // A worker may have ended: the next turn loads the net again.
    nets.unload();
    message.textContent = messageOf(error);
    showAnswer(undefined);
  }
}

function showAnswer(logits: Float32Array | undefined): void {
  const largest = Math.max(...(logits ?? [0]));
  const powers = labels.map((_, index) => (logits ? Math.exp((logits[index] ?? 0) - largest) : 0));
  const sum = powers.reduce((total, power) => total + power, 0) || 1;
  const probabilities = powers.map((power) => power / sum);
  const best = logits ? logits.indexOf(largest) : -1;
  element("label").textContent = labels[best] ?? "Nothing yet";
  element("certainty").textContent =
    best < 0 ? "Draw a shoe, a shirt, a bag …" : `${percent(probabilities[best] ?? 0)} sure`;
  showBars(element("bars"), labels, probabilities, best);
}

function showProgram(timing: Timing | undefined): void {
  const program = manifest.programs.find((one) => one.net === choice.net && one.target === choice.target);
  showFacts(element("facts"), [
    [
      "Time of a run",
      timing ? duration(timing.milliseconds) : "…",
      timing ? `median of ${timing.samples} × ${timing.runs} warm runs` : "",
    ],
    ["Computed by", titleOf(choice.target), threadsText(threads ?? 1)],
    ["Module", bytesText(program?.moduleBytes ?? 0), `gzipped; ${program?.kernels ?? 0} kernels`],
    ["Weights", bytesText(program?.weightBytes ?? 0), "f32"],
  ]);
}

function threadsText(count: number): string {
  if (choice.target !== "wasm") return "";
  if (count > 1) return `on ${count} threads`;
  return choice.threads > 1 && threads !== undefined
    ? "on one thread, since the net is too small to divide"
    : "on one thread";
}

function choose(change: Partial<Choice>): void {
  choice = { ...choice, ...change };
  nets.abandon();
  element("threads").hidden = choice.target !== "wasm";
  message.textContent = "";
  loop.request();
}

const say = (said: string): void => {
  message.textContent = said;
};

const opener = createOpener<Picture>(({ gray, isInverted }) => {
  pad.show(gray);
  if (isInverted) say("Inverted, since the network was trained on light clothes on a dark background.");
}, say);

function openExample(path: string, url: string): Promise<void> {
  return opener.open(async () => readPicture(await (await fetch(url)).blob(), path));
}

function addTools(): void {
  const diameter = element("diameter", HTMLInputElement);
  let shade = 255;
  const setBrush = (): void => pad.setBrush(diameter.valueAsNumber, shade);
  diameter.addEventListener("input", setBrush);
  const shades = [
    { value: "255", title: "White" },
    { value: "140", title: "Gray" },
    { value: "0", title: "Black" },
  ];
  addChoice(element("shades"), shades, "255", (value) => {
    shade = Number(value);
    setBrush();
  });
  setBrush();
  element("clear").addEventListener("click", pad.clear);
  element("invert").addEventListener("click", pad.invert);
}

function addExamples(): void {
  for (const [path, url] of Object.entries(exampleUrls)) {
    const file = path.slice(path.lastIndexOf("/") + 1);
    const image = new Image(56, 56);
    image.src = url;
    image.alt = trueLabels.get(file) ?? file;
    const button = document.createElement("button");
    button.type = "button";
    button.append(image);
    button.addEventListener("click", () => openExample(path, url));
    element("examples").append(button);
  }
}

async function addSetup(): Promise<void> {
  const nets = manifest.nets.map(({ name, title, note }) => ({ value: name, title, note }));
  addChoice(element("nets"), nets, choice.net, (net) => choose({ net }));
  const notes: string[] = [];
  const targets: { value: string; title: string; isOff: boolean }[] = [];
  for (const target of manifest.targets) {
    const why = await whyNot(target);
    if (why !== undefined) notes.push(why);
    targets.push({ value: target, title: titleOf(target), isOff: why !== undefined });
  }
  const first =
    targets.find(({ value, isOff }) => value === choice.target && !isOff) ??
    targets.find(({ isOff }) => !isOff);
  addChoice(element("targets"), targets, first?.value ?? "", (target) => choose({ target }));
  addChoice(
    element("threads"),
    counts.map((count) => ({ value: String(count), title: String(count) })),
    String(choice.threads),
    (threads) => choose({ threads: Number(threads) }),
  );
  if (!crossOriginIsolated)
    notes.push("One thread only: this server does not send the headers that let a page share memory.");
  element("notes").textContent = notes.join(" ");
  choose({ target: first?.value ?? "" });
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

addTools();
addOpening(element("drop"), (file) => void opener.open(() => readPicture(file, file.name)), say);
addExamples();
await addSetup();
const [example] = Object.entries(exampleUrls);
if (example) await openExample(...example);

const demo: Demo = {
  async settled() {
    await loop.settled();
    if (!shown) throw new Error("nothing was run yet");
    return shown;
  },
  now: () => shown,
};
Object.assign(globalThis, { cleaveDemo: demo });
await keepFiles();
