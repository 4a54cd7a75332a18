// A page that finds something in pictures: from the camera, or one that is opened. Targets and threshold can be changed at any time.

import { addChoice, bytesText, duration, element, showFacts, titleOf, withTitles } from "../controls.js";
import { createNets, messageOf } from "../loading.js";
import { createLoop } from "../loop.js";
import { keepFiles } from "../offline.js";
import { addOpening, createOpener, readBitmap } from "../opening.js";
import { readManifest, sleep, threadCounts, whyNot } from "../programs.js";
import { createCamera } from "./camera.js";
import type { Detector, Finder, Source } from "./detector.js";
import type { Finding, FindingDemo, Found } from "./finding.js";
import { notCompiled } from "./nets.js";
import { draw, sizeOf } from "./stage.js";

/** Frames of which the median time is shown. */
const timed = 9;
/** A picture that does not move is run again for its time, for at most as many milliseconds. */
const timingBudget = 400;
/** While the camera runs, numbers stay for as many milliseconds, so that they can be read. */
const steady = 500;

export async function openPage({ names, load, noun, facing, example }: Detector): Promise<void> {
  const programs = readManifest().detectors.filter(({ name }) => names.includes(name));
  if (programs.length < names.length) throw new Error(notCompiled);
  const canvas = element("picture", HTMLCanvasElement);
  const message = element("message");
  const threshold = element("threshold", HTMLInputElement);
  const cameraButton = element("camera");
  const camera = createCamera(facing);
  const threads =
    threadCounts()
      .filter((count) => count <= 4)
      .at(-1) ?? 1;

  let target: string = "auto";
  let still: Source | undefined;
  let shown: { readonly picture: Source; readonly found: readonly Found[]; readonly net: Finder } | undefined;
  let frames = 0;
  let times: number[] = [];
  /** When numbers were shown last. */
  let told = 0;
  let isStarting = false;

  const say = (said: string): void => {
    message.textContent = said;
  };
  const opener = createOpener<Source>(setStill, say);
  const loop = createLoop(turn);
  const nets = createNets<string, Finder>({
    panel: element("loading"),
    async load(wanted, options) {
      // Other threads than the page's compute, where pages may share memory.
      const shared = crossOriginIsolated ? { threads, worker: true } : {};
      const only = wanted === "auto" ? {} : { target: wanted };
      return load({ ...options, ...shared, ...only });
    },
    again: () => loop.request(),
  });

  /** Finds what is in the picture or in the camera's frame, and comes again for the next frame. */
  async function turn(signal: AbortSignal): Promise<void> {
    try {
      const net = await nets.of(target);
      if (!net) {
        if (!isCurrent()) element("count").textContent = "…";
        return;
      }
      const picture = camera.isOn ? await camera.frame() : still;
      if (!picture) return;
      const found = await timedFind(net, picture);
      if (signal.aborted) {
        release(picture);
        return;
      }
      show(picture, found, net);
      if (camera.isOn) camera.wait(() => loop.request());
      else await timeMore(net, picture, signal);
    } catch (error) {
      // A GPU may be gone or a worker may have ended: the next turn loads the net again.
      nets.unload();
      if (camera.isOn) stopCamera();
      say(messageOf(error));
    }
  }

  async function timedFind(net: Finder, picture: Source): Promise<Found[]> {
    const start = performance.now();
    const found = await net.find(picture);
    times = [...times.slice(1 - timed), performance.now() - start];
    return found;
  }

  async function timeMore(net: Finder, picture: Source, signal: AbortSignal): Promise<void> {
    times = [];
    for (const end = performance.now() + timingBudget; times.length < timed && performance.now() < end;) {
      await sleep(10, signal);
      if (signal.aborted) return;
      await timedFind(net, picture);
    }
    showProgram();
  }

  function show(picture: Source, found: readonly Found[], net: Finder): void {
    const before = shown?.picture;
    shown = { picture, found, net };
    if (before) release(before);
    frames++;
    if (camera.isOn) canvas.classList.toggle("mirrored", facing === "user");
    redraw();
    if (camera.isOn && performance.now() - told < steady) return;
    showScores();
    showProgram();
  }

  /** Frees a frame or a picture that is not shown any more. */
  function release(picture: Source): void {
    if (picture !== still && picture !== shown?.picture && "close" in picture) picture.close();
  }

  /** Whether the marks are those of what is to be seen. */
  const isCurrent = (): boolean => camera.isOn || shown?.picture === still;

  /** Those whose score reaches the threshold. */
  const accepted = (): readonly Found[] =>
    shown?.found.filter(({ score }) => score >= threshold.valueAsNumber / 100) ?? [];

  function redraw(): void {
    const least = `${threshold.value} %`;
    element("least").textContent = least;
    threshold.setAttribute("aria-valuetext", least);
    if (!shown || !isCurrent()) return;
    const found = accepted();
    draw(canvas, shown.picture, found);
    const count =
      found.length === 0 ? `No ${noun[0]}` : `${found.length} ${noun[found.length === 1 ? 0 : 1]}`;
    // Readers of the screen read each change out.
    if (element("count").textContent !== count) element("count").textContent = count;
    canvas.setAttribute("aria-label", `The picture; found: ${count}`);
  }

  function showScores(): void {
    if (!shown || !isCurrent()) return;
    const found = accepted();
    const rejected = shown.found.length - found.length;
    showTexts(found);
    element("scores").textContent = [
      found.length > 0 &&
        `Surest: ${found
          .slice(0, 3)
          .map(({ score }) => `${Math.round(100 * score)} %`)
          .join(", ")}.`,
      rejected > 0 && `${rejected} less sure, not shown.`,
    ]
      .filter(Boolean)
      .join(" ");
  }

  /** What the lines say, from the top down. */
  function showTexts(found: readonly Found[]): void {
    const top = ({ corners }: Found): number => Math.min(...corners.map(([, y]) => y));
    const said = found
      .toSorted((a, b) => top(a) - top(b))
      .flatMap(({ text }) => (text ? [text] : []))
      .join("\n");
    const texts = document.getElementById("texts");
    // What is selected stays selected as long as it says the same.
    if (texts && texts.textContent !== said) texts.textContent = said;
  }

  function showProgram(): void {
    told = performance.now();
    const middle = [...times].sort((a, b) => a - b)[times.length >> 1];
    const net = shown?.net;
    const used = net && (target === "auto" || target === net.target.name) ? net : undefined;
    showFacts(element("facts"), [
      [
        "Time of a picture",
        middle === undefined || !used ? "…" : duration(middle),
        middle === undefined ? "" : `median of ${times.length}, from pixels to ${noun[1]}`,
      ],
      [
        "Computed by",
        used ? titleOf(used.target.name) : "…",
        used?.target.name === "wasm" ? `threads: ${used.threads ?? 1}` : "",
      ],
      [
        programs.length > 1 ? `Modules: ${programs.length}` : "Module",
        bytesText(sum(programs.map(({ moduleBytes }) => moduleBytes))),
        "gzipped, for all targets",
      ],
      ["Weights", bytesText(sum(programs.map(({ weightBytes }) => weightBytes))), "f32"],
    ]);
    element("why").textContent = used && target === "auto" ? withTitles(used.target.reason) : "";
  }

  function setStill(picture: Source): void {
    if (camera.isOn) stopCamera();
    still = picture;
    say("");
    // The picture is there at once, the marks follow when the net is loaded and has run.
    canvas.classList.remove("mirrored");
    canvas.setAttribute("aria-label", "The picture");
    element("scores").textContent = "";
    showTexts([]);
    draw(canvas, picture, []);
    loop.request();
  }

  async function readExample(): Promise<Source> {
    const image = new Image();
    image.src = example;
    await image.decode().catch(() => {
      throw new Error("The example cannot be read. Open a picture of your own.");
    });
    return image;
  }

  function stopCamera(): void {
    camera.stop();
    still = shown?.picture ?? still;
    cameraButton.textContent = "Start the camera";
    loop.request();
  }

  async function switchCamera(): Promise<void> {
    if (camera.isOn) {
      stopCamera();
      return;
    }
    // Browsers may ask the user first.
    if (isStarting) return;
    isStarting = true;
    opener.forget();
    say("");
    try {
      await camera.start(
        () => loop.request(),
        () => {
          stopCamera();
          say("The camera was disconnected.");
        },
      );
      times = [];
      cameraButton.textContent = "Stop the camera";
    } catch (error) {
      say(messageOf(error));
    } finally {
      isStarting = false;
    }
  }

  async function addTargets(): Promise<void> {
    const notes: string[] = [];
    const options = [{ value: "auto", title: "Automatic", isOff: false }];
    for (const value of readManifest().targets) {
      const why = await whyNot(value);
      if (why !== undefined) notes.push(why);
      options.push({ value, title: titleOf(value), isOff: why !== undefined });
    }
    addChoice(element("targets"), options, target, (value) => {
      target = value;
      say("");
      nets.abandon();
      times = [];
      showProgram();
      loop.request();
    });
    if (!crossOriginIsolated)
      notes.push("One thread only: this server does not send the headers that let a page share memory.");
    element("notes").textContent = notes.join(" ");
  }

  cameraButton.addEventListener("click", switchCamera);
  element("example").addEventListener("click", () => opener.open(readExample));
  threshold.addEventListener("input", () => {
    redraw();
    showScores();
  });
  addOpening(element("drop"), (file) => void opener.open(() => readBitmap(file, file.name)), say);
  redraw();
  showProgram();
  await addTargets();
  await opener.open(readExample);

  const now = (): Finding | undefined =>
    shown && { target: shown.net.target.name, size: sizeOf(shown.picture), found: accepted(), frames };
  const demo: FindingDemo = {
    async settled() {
      await loop.settled();
      return now();
    },
    now,
  };
  Object.assign(globalThis, { cleaveDemo: demo });
  await keepFiles();
}

function sum(counts: readonly number[]): number {
  return counts.reduce((all, count) => all + count, 0);
}
