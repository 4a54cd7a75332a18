// The playground: the editor on one side, a view of the compilation on the other. The compiler runs in a worker, so typing never waits.

import fmMobile from "../../fm_mobile.safetensors?url";
import fmResnet from "../../fm_resnet16.safetensors?url";
import { addChoice, bytesText, duration, element, showFacts, textOf, titleOf } from "../controls.js";
import { keepFiles } from "../offline.js";
import type { Editor } from "./editor.js";
import { createEditor } from "./editor.js";
import { examples } from "./examples.js";
import type { GivenInput, Port, Reply, Request, View } from "./protocol.js";
import { imageOf } from "./pictures.js";
import { showRun } from "./running.js";
import { hashOf, sharedIn } from "./share.js";

type Facts = Extract<Reply, { kind: "facts" }>;
type Sizes = Extract<Reply, { kind: "sizes" }>;
type Ran = Extract<Reply, { kind: "ran" }>;
type Film = Extract<Reply, { kind: "film" }>;
type Checked = Extract<Reply, { kind: "checked" }>;

const views = [
  { value: "picture", title: "Picture", note: "the graph, drawn" },
  { value: "graph", title: "Graph", note: "the graph in the language" },
  { value: "film", title: "Film", note: "each step of the compiler, as a page of its own" },
  { value: "kernels", title: "Kernels", note: "the kernels as loops, loads and stores" },
  { value: "module", title: "Module", note: "the emitted text" },
  { value: "run", title: "Run", note: "results and time" },
];

/** How long the compiler may work on an old text before it is stopped for a new one, in milliseconds. */
const patience = 1500;
/** How long a pause in typing is. */
const pause = 250;

let worker: Worker | undefined;
let busySince: number | undefined;
let isWaiting = false;
let last = 0;
let choice = { view: "picture", target: "wasm" as Request["target"], pass: "all" };
let inputs = new Map<string, GivenInput>();
let facts: Facts | undefined;
let sizes: Sizes | undefined;
let ran: Ran | undefined;
let timer: ReturnType<typeof setTimeout> | undefined;
/** Of the film that the page offers. */
let filmAddress = "";
/** Pictures that are being drawn. */
let drawings = 0;
const settling: (() => void)[] = [];

const view = element("view");
const message = element("message");
const editor: Editor = createEditor(element("editor"), () => soon(pause));

/** Asks for the view again, after a pause. */
function soon(after: number): void {
  clearTimeout(timer);
  timer = setTimeout(request, after);
}

function request(): void {
  timer = undefined;
  if (busySince !== undefined) {
    isWaiting = true;
    const left = busySince + patience - performance.now();
    if (left > 0) {
      timer = setTimeout(request, left);
      return;
    }
    // It still computes what nobody needs any more.
    worker?.terminate();
    worker = undefined;
  }
  isWaiting = false;
  worker ??= start();
  busySince = performance.now();
  last += 1;
  const sent: Request = { id: last, text: editor.text(), target: choice.target, view: viewOf() };
  worker.postMessage(sent);
  document.body.classList.add("busy");
}

function start(): Worker {
  const made = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  made.postMessage({ "fm_mobile.safetensors": fmMobile, "fm_resnet16.safetensors": fmResnet });
  made.addEventListener("message", ({ data }: MessageEvent<Reply>) => {
    if (data.id === last) void take(data);
  });
  made.addEventListener("error", (event) => {
    message.textContent = event.message;
    busySince = undefined;
    settle();
  });
  return made;
}

function viewOf(): View {
  const { pass } = choice;
  switch (choice.view) {
    case "graph":
      return { kind: "graph", pass };
    case "film":
    case "kernels":
    case "module":
      return { kind: choice.view };
    case "run":
      return { kind: "run", inputs };
    default:
      return { kind: "picture", pass };
  }
}

async function take(reply: Reply): Promise<void> {
  switch (reply.kind) {
    case "checked":
      message.textContent = "";
      editor.mark(reply.remarks);
      showRemarks(reply);
      view.classList.toggle("old", !reply.isNet);
      return;
    case "facts":
      facts = reply;
      sizes = undefined;
      ran = undefined;
      showPasses(reply.passes);
      showNumbers();
      return;
    case "sizes":
      sizes = reply;
      showNumbers();
      return;
    case "text":
      showText(reply.text);
      return;
    case "picture":
      drawings += 1;
      try {
        const picture = await imageOf(reply.svg);
        if (reply.id === last) view.replaceChildren(picture);
      } catch (error) {
        message.textContent = String(error);
      }
      drawings -= 1;
      settle();
      return;
    case "film":
      showFilm(reply);
      return;
    case "ran":
      ran = reply;
      showNumbers();
      view.replaceChildren(showRun(reply, facts?.inputs ?? [], inputs, give, say));
      return;
    case "none":
      view.replaceChildren(textOf("p", reply.why));
      return;
    case "done":
      busySince = undefined;
      if (isWaiting) soon(0);
      settle();
      return;
    default:
      reply satisfies never;
  }
}

/** Tells those who wait that the page shows what is asked for, if it does. */
function settle(): void {
  if (busySince !== undefined || timer !== undefined || isWaiting || drawings > 0) return;
  document.body.classList.remove("busy");
  for (const resolve of settling.splice(0)) resolve();
}

function say(said: string): void {
  message.textContent = said;
}

function give(port: Port, input: GivenInput): void {
  inputs = new Map([...inputs, [port.name, input]]);
  soon(0);
}

function showText(text: string): void {
  const shown = textOf("pre", text);
  view.replaceChildren(shown);
}

/** Offers a film as a file: this page's policy would forbid its script. */
function showFilm({ name, page }: Film): void {
  const file = new Blob([page], { type: "text/html" });
  URL.revokeObjectURL(filmAddress);
  filmAddress = URL.createObjectURL(file);
  const link = document.createElement("a");
  link.download = `${name}.html`;
  link.href = filmAddress;
  link.textContent = `Save ${link.download}`;
  const size = bytesText(file.size);
  view.replaceChildren(
    textOf(
      "p",
      `A page of ${size} that shows the graph after each rule, and the kernels; it needs no connection.`,
    ),
    link,
  );
}

function showRemarks({ remarks }: Checked): void {
  element("remarks").replaceChildren(
    ...remarks.map(({ from, severity, code, message: said }) => {
      const row = document.createElement("li");
      row.className = severity;
      const button = document.createElement("button");
      button.type = "button";
      const line = editor.text().slice(0, from).split("\n").length;
      button.append(textOf("b", `line ${line}`), textOf("span", said), textOf("i", code));
      button.addEventListener("click", () => editor.goTo(from));
      row.append(button);
      return row;
    }),
  );
}

function showPasses(passes: readonly string[]): void {
  const select = element("passes", HTMLSelectElement);
  const options = [
    ["", "as it was written"],
    ...passes.map((pass) => [pass, `after ${pass}`]),
    ["all", "after all passes"],
  ].map(([value = "", title = ""]) => new Option(title, value));
  select.replaceChildren(...options);
  if (!["", "all", ...passes].includes(choice.pass)) choice = { ...choice, pass: "all" };
  select.value = choice.pass;
}

function showNumbers(): void {
  if (!facts) return;
  const { parameters, macs, ops } = facts;
  showFacts(element("facts"), [
    ["Parameters", count(parameters), `${ops} ops as written`],
    ["MACs", count(macs), "multiply-accumulates of a run"],
    [
      "Module",
      sizes ? bytesText(sizes.module) : "…",
      sizes ? `gzipped; ${sizes.kernels} kernels` : "see Module or Run",
    ],
    ["Weights", sizes ? bytesText(sizes.weights) : "…", "as packed"],
    [
      "Time of a run",
      ran ? duration(ran.milliseconds) : "…",
      ran ? `median of ${ran.runs} on ${titleOf(choice.target)}` : "see Run",
    ],
  ]);
}

function count(value: number): string {
  return value.toLocaleString("en");
}

function choose(change: Partial<typeof choice>): void {
  choice = { ...choice, ...change };
  element("passing").hidden = choice.view !== "picture" && choice.view !== "graph";
  element("zooming").hidden = choice.view !== "picture";
  view.classList.toggle("picture", choice.view === "picture");
  soon(0);
}

async function share(): Promise<void> {
  history.replaceState(undefined, "", await hashOf({ text: editor.text(), target: choice.target }));
  try {
    await navigator.clipboard.writeText(location.href);
    message.textContent = "The link is copied.";
  } catch {
    message.textContent = "The link is in the address bar.";
  }
}

const shared = await sharedIn(location.hash);
const [first] = examples;
if (shared?.target === "js" || shared?.target === "wasm" || shared?.target === "wgsl")
  choice = { ...choice, target: shared.target };
addChoice(element("views"), views, choice.view, (value) => choose({ view: value }));
addChoice(
  element("targets"),
  (["js", "wasm", "wgsl"] as const).map((value) => ({
    value,
    title: titleOf(value),
    isOff: value === "wgsl" && !("gpu" in navigator),
  })),
  choice.target,
  (value) => choose({ target: value as Request["target"] }),
);
const menu = element("examples", HTMLSelectElement);
menu.append(...examples.map(({ name, title }) => new Option(title, name)));
if (shared) menu.prepend(new Option("From the link", "", true, true));
menu.addEventListener("change", () => {
  const example = examples.find(({ name }) => name === menu.value);
  if (example) editor.show(example.text);
});
element("passes", HTMLSelectElement).addEventListener("change", (event) =>
  choose({ pass: (event.target as HTMLSelectElement).value }),
);
const zoom = element("zoom", HTMLInputElement);
zoom.checked = matchMedia("(max-width: 40rem)").matches;
view.classList.toggle("fit", zoom.checked);
zoom.addEventListener("change", () => view.classList.toggle("fit", zoom.checked));
element("share").addEventListener("click", () => void share());
editor.show(shared?.text ?? first?.text ?? "");
choose({});
void keepFiles();

/** For tests and the console: resolves when the page shows the view of the text. */
const demo = {
  settled: () =>
    new Promise<void>((resolve) => {
      settling.push(resolve);
      settle();
    }),
  text: () => editor.text(),
  show: (text: string) => editor.show(text),
  outputs: () => ran?.outputs.map(({ name, values }) => ({ name, values: [...values] })),
};
Object.assign(globalThis, { cleaveDemo: demo });
