// The script of a film's page: reads the data, keeps the state, and lets the parts of the page follow it.

import { countText, numberText, plural } from "#ir/units.js";
import type { NodeId, NodeVersion, StepNumber } from "../data.js";
import type { Block } from "../model/blocks.js";
import { blockPaths, formOf } from "../model/blocks.js";
import { keptLayout } from "../model/layout.js";
import type { Scene, SceneBox } from "../model/scene.js";
import { sceneOf } from "../model/scene.js";
import type { Difference, Frame, Timeline } from "../model/timeline.js";
import { createTimeline, totalsOf } from "../model/timeline.js";
import { fromAddress, toAddress } from "./address.js";
import { createCodePanel } from "./code-panel.js";
import { byId, h, fill } from "./dom.js";
import { createImages } from "./images.js";
import { followKeys } from "./keys.js";
import { createNodePanel } from "./node-panel.js";
import { createSearch } from "./search.js";
import { createSourcePanel } from "./source-panel.js";
import type { App, State, Tab } from "./state.js";
import { isFolded } from "./state.js";
import { createStepsPanel } from "./steps-panel.js";
import { readTheme } from "./theme.js";
import { unpack } from "./unpack.js";
import type { View } from "./view.js";
import { createView, emptyScene } from "./view.js";

/** Nets with more nodes begin folded. */
const mostUnfolded = 250;

async function start(): Promise<void> {
  const { film, codes } = await unpack(byId("film", HTMLScriptElement).text);
  const timeline = createTimeline(film);
  const images = createImages(film, codes);
  const drawn = [...timeline.frame(0).nodes.values()].filter(({ op }) => op !== "constant").length;
  let state: State = {
    step: film.compares ? timeline.last : 0,
    ...(film.compares ? { against: 0 } : {}),
    folds: new Map(),
    folded: drawn > mostUnfolded ? "large" : "none",
    columns: true,
    images: film.values !== undefined,
    tab: "node",
    ...fromAddress(timeline.last),
  };

  const app: App = {
    timeline,
    images,
    state: () => state,
    set(change) {
      const before = state;
      // A key that is undefined is taken away.
      state = Object.fromEntries(
        Object.entries({ ...state, ...change }).filter(([, value]) => value !== undefined),
      ) as unknown as State;
      update(before);
    },
    select(id, step) {
      const version = timeline.versionNear(id, step ?? state.step);
      const seen = [step ?? state.step, state.against].find(
        (one) => one !== undefined && version && version.born <= one && one < version.died,
      );
      const target =
        seen === state.against && seen !== undefined
          ? state.step
          : (step ?? seen ?? version?.born ?? state.step);
      const folds = new Map(state.folds);
      for (const path of version && state.folded !== "none" ? blockPaths(version) : [])
        folds.set(path, false);
      if (target !== state.step) app.goTo(target);
      app.set({ selected: id, folds, tab: state.tab === "steps" ? "node" : state.tab });
      reveal((box) => box.nodes.includes(id), "close");
    },
    light(nodes, by) {
      app.set({ lit: nodes && new Set(nodes), litBy: by, selected: undefined });
      if (nodes && nodes.length > 0 && nodes.length < 400) {
        const some = new Set(nodes);
        reveal((box) => box.nodes.some((id) => some.has(id)));
      }
    },
    goTo(step) {
      const to = Math.max(0, Math.min(timeline.last, step));
      app.set({
        step: to,
        ...(state.against !== undefined && !film.compares ? { against: Math.max(0, to - 1) } : {}),
      });
    },
  };

  const stage = byId("stage", HTMLElement);
  const titleOf = (kernel: string): string => {
    const plan = timeline.frame(state.step).plans.get(kernel);
    return plan ? `${plan.id} ${plan.title}` : kernel;
  };
  const viewIn = (canvas: string, map: string, step: () => StepNumber): View =>
    createView(byId(canvas, HTMLCanvasElement), byId(map, HTMLCanvasElement), readTheme(), {
      choose(box) {
        const [id] = box?.nodes ?? [];
        if (box?.kind === "node" && id !== undefined)
          app.set({ selected: id, lit: undefined, tab: tabFor(state.tab) });
        else if (box?.block !== undefined) app.light(box.nodes, `in ${box.block}`);
        else app.set({ selected: undefined, lit: undefined });
      },
      open(box) {
        if (box.block !== undefined) fold(box.block, false);
        else foldAround(box);
      },
      imageOf: (box) => {
        const [id] = box.nodes;
        if (!state.images || box.kind !== "node" || id === undefined) return undefined;
        const node = timeline.versionNear(id, step());
        return node && images.strip(node, step());
      },
      titleOf,
      moved(by) {
        for (const view of views)
          if (state.against !== undefined && view !== views[canvas === "graph" ? 0 : 1]) view.move(by);
      },
    });
  const right = viewIn("graph", "map", () => state.step);
  const left = viewIn("other", "other-map", () => state.against ?? 0);
  const views = [right, left];
  /** Moves boxes into sight; side by side, both graphs show the same place. */
  const reveal = (which: (box: SceneBox) => boolean, how?: "close" | "middle"): void => {
    const isThere = right.reveal(which, how);
    if (state.against === undefined) return;
    if (isThere) left.alignWith(right, which);
    else if (left.reveal(which, how)) right.alignWith(left, which);
  };
  const [rightLayout, leftLayout] = [keptLayout(), keptLayout()];
  let rightScene: Scene | undefined;
  let leftScene: Scene | undefined;

  const fold = (path: string, folded: boolean): void => {
    const folds = new Map(state.folds);
    folds.set(path, folded);
    app.set({ folds, lit: undefined });
  };
  /** Folds the innermost block around a node. */
  const foldAround = (box: SceneBox): void => {
    const [id] = box.nodes;
    const block = id === undefined ? undefined : rightScene?.blocks.ofNode.get(id);
    if (block) {
      app.set({ selected: undefined });
      fold(block.path, true);
    }
  };

  const panels = [
    createStepsPanel(app, byId("steps", HTMLElement)),
    createNodePanel(app, byId("node", HTMLElement)),
    createSourcePanel(app, byId("source", HTMLElement)),
    createCodePanel(app, byId("code", HTMLElement)),
  ];
  createSearch(app, byId("search", HTMLInputElement), byId("found", HTMLElement));

  const showGraphs = (focus: boolean): void => {
    const { step, against } = state;
    const before = against ?? Math.max(0, step - 1);
    const difference = timeline.difference(before, step);
    const changed = changedNodes(timeline.frame(step), difference);
    const options = {
      isFolded: (block: Block) => isFolded(state, block, changed),
      hasImage: (node: NodeVersion) => state.images && images.valueOf(node, step) !== undefined,
    };
    const now = film.steps[step];
    const isOne = against === undefined;
    const { clientWidth, clientHeight } = stage;
    const aspect = Math.max(0.3, clientWidth / (isOne ? 1 : 2) / Math.max(1, clientHeight));
    const columnsOf = (scene: Scene | undefined) =>
      state.columns ? { columns: { aspect, heads: new Set(scene?.heads) } } : {};
    rightScene = sceneOf(timeline.frame(step), {
      ...options,
      ...columnsOf(rightScene),
      layout: rightLayout,
      difference: isOne ? difference : { ...difference, removed: [] },
      ...(isOne ? { before: timeline.frame(before) } : {}),
      ...(now && isOne ? { became: { from: now.covered, to: now.made } } : {}),
    });
    byId("left", HTMLElement).hidden = isOne;
    stage.classList.toggle("sides", !isOne);
    const isChanged = (box: SceneBox): boolean => box.change !== "same";
    const follow = focus && step > 0 && changed.size < 400 ? isChanged : undefined;
    right.show(rightScene, follow);
    if (!isOne) {
      const old: Difference = { added: [], changed: difference.changed, removed: difference.removed };
      leftScene =
        before === step
          ? emptyScene
          : sceneOf(timeline.frame(before), {
              ...options,
              ...columnsOf(leftScene),
              layout: leftLayout,
              difference: old,
            });
      left.show(leftScene);
      if (follow) reveal(follow);
      else left.alignWith(right);
    }
    const titles = sideTitles(before);
    byId("left-title", HTMLElement).textContent = titles[0];
    byId("right-title", HTMLElement).textContent = titles[1];
    tellStep(difference);
  };

  const stepTitle = (step: StepNumber): string => {
    const { label = "", pass, rule } = film.steps[step] ?? {};
    const name = pass === undefined ? undefined : film.passes[pass]?.name;
    return rule !== undefined && name !== undefined ? `${name}: ${label}` : label;
  };

  /** What the graphs side by side are: those of a comparison, or those around a step. */
  const sideTitles = (before: StepNumber): readonly [string, string] => {
    const { step } = state;
    if (film.compares || before < step - 1) return [stepTitle(before), stepTitle(step)];
    if (before === step) return ["nothing before", stepTitle(step)];
    return [`before ${stepTitle(step)}`, `after ${stepTitle(step)}`];
  };

  const slider = byId("slider", HTMLInputElement);
  slider.max = String(timeline.last);
  slider.addEventListener("input", () => app.goTo(Number(slider.value)));

  const tellStep = (difference: Difference): void => {
    const { step } = state;
    slider.value = String(step);
    byId("at", HTMLElement).textContent = film.compares
      ? ""
      : `${numberText(step)} / ${numberText(timeline.last)}`;
    byId("what", HTMLElement).textContent = film.compares
      ? `${stepTitle(0)} ⟷ ${stepTitle(1)}`
      : stepTitle(step);
    const { ops, macs } = totalsOf(timeline.frame(step));
    const isOp = (id: NodeId): boolean => (timeline.versionNear(id, step)?.op ?? "constant") !== "constant";
    const chips = (["added", "changed", "removed"] as const).flatMap((kind) => {
      const count = difference[kind].filter(isOp).length;
      return count > 0 ? [h("span", { class: `chip ${kind}` }, `${numberText(count)} ${kind}`)] : [];
    });
    const costs = [`${numberText(ops)} ops`, `${countText(macs)} MACs`, ...kernelCount(timeline, step)];
    fill(byId("told", HTMLElement), chips, h("span", { class: "costs" }, costs.join(" · ")));
  };

  const tabs: readonly Tab[] = ["steps", "node", "source", "code"];
  const update = (before: State | undefined): void => {
    const graph = ["step", "against", "folds", "folded", "columns", "images"] as const;
    const isNew = !before || graph.some((key) => before[key] !== state[key]);
    if (isNew) showGraphs(!before || before.step !== state.step || before.against !== state.against);
    const { selected, lit } = state;
    for (const view of views)
      view.mark(
        (box) => selected !== undefined && box.nodes.includes(selected),
        lit && ((box) => box.nodes.some((id) => lit.has(id))),
      );
    for (const tab of tabs) {
      byId(`tab-${tab}`, HTMLButtonElement).setAttribute("aria-selected", String(tab === state.tab));
      byId(tab, HTMLElement).classList.toggle("open", tab === state.tab);
    }
    for (const panel of panels) panel.update();
    byId("images-button", HTMLButtonElement).setAttribute("aria-pressed", String(state.images));
    byId("sides-button", HTMLButtonElement).setAttribute("aria-pressed", String(state.against !== undefined));
    toAddress(state);
  };
  for (const tab of tabs)
    byId(`tab-${tab}`, HTMLButtonElement).addEventListener("click", () => app.set({ tab }));
  byId("images-button", HTMLButtonElement).hidden = film.values === undefined;

  const commands = commandsOf(app, views, reveal, () => rightScene);
  followKeys(commands);
  for (const button of document.querySelectorAll<HTMLButtonElement>("button[data-key]")) {
    button.addEventListener("click", () => commands.get(button.dataset["key"] ?? "")?.());
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const view of views) view.setTheme(readTheme());
  });
  document.body.classList.add("ready");
  update(undefined);
}

/** The kernels that a run of the last graph launches; before, ops that no fusion covers yet may still go, so only the fused ones count. */
function kernelCount({ film, frame, last }: Timeline, step: StepNumber): string[] {
  if (film.program && step === last)
    return [plural(film.program.launches.filter(({ setup }) => !setup).length, "kernel")];
  const fused = frame(step).plans.size;
  return fused > 0 ? [plural(fused, "fused kernel")] : [];
}

/** The nodes that are different, and those that read a constant that is. */
function changedNodes({ nodes, users }: Frame, { added, changed, removed }: Difference): ReadonlySet<NodeId> {
  const all = new Set([...added, ...changed, ...removed]);
  const weights = [...all].filter((id) => nodes.get(id)?.op === "constant");
  for (const user of weights.flatMap((id) => users.get(id) ?? [])) all.add(user);
  return all;
}

/** What keys and buttons do, by key. */
function commandsOf(
  app: App,
  views: readonly View[],
  reveal: (which: (box: SceneBox) => boolean, how: "middle") => void,
  scene: () => Scene | undefined,
): ReadonlyMap<string, () => void> {
  const { timeline } = app;
  const { film } = timeline;
  const passOf = (step: StepNumber): number => film.steps[step]?.pass ?? -1;
  const nextPass = (): void => {
    const { step } = app.state();
    const own = film.passes[passOf(step)];
    const end =
      own && step < own.end - 1 ? own : film.passes.find(({ first, end: to }) => first > step && to > first);
    app.goTo(end ? end.end - 1 : timeline.last);
  };
  const lastPass = (): void => {
    const { step } = app.state();
    const own = film.passes[passOf(step)];
    app.goTo(own ? own.first - 1 : 0);
  };
  const sides = (): void => {
    const { step, against } = app.state();
    app.set({ against: against === undefined ? Math.max(0, step - 1) : undefined });
  };
  /** The next or the last node in the order of the graph. */
  const neighbour = (by: number): void => {
    const { step, selected } = app.state();
    const nodes = [...timeline.frame(step).nodes.values()].filter(({ op }) => op !== "constant");
    const at = nodes.findIndex(({ id }) => id === selected);
    const next = nodes[at < 0 ? 0 : Math.max(0, Math.min(nodes.length - 1, at + by))];
    if (next) app.select(next.id);
  };
  const focus = (): void => {
    const { selected } = app.state();
    reveal(
      (box) => (selected === undefined ? box.change !== "same" : box.nodes.includes(selected)),
      "middle",
    );
  };
  const next = (): void => app.goTo(app.state().step + 1);
  const last = (): void => app.goTo(app.state().step - 1);
  const each = (act: (view: View) => void) => () => views.forEach(act);
  return new Map<string, () => void>([
    ["ArrowRight", next],
    ["j", next],
    ["ArrowLeft", last],
    ["k", last],
    ["Shift+ArrowRight", nextPass],
    ["J", nextPass],
    ["Shift+ArrowLeft", lastPass],
    ["K", lastPass],
    ["Home", () => app.goTo(0)],
    ["End", () => app.goTo(timeline.last)],
    ["f", each((view) => view.fit())],
    ["z", focus],
    ["+", each((view) => view.zoom(1.4))],
    ["=", each((view) => view.zoom(1.4))],
    ["-", each((view) => view.zoom(1 / 1.4))],
    ["ArrowDown", each((view) => view.pan(0, -120))],
    ["ArrowUp", each((view) => view.pan(0, 120))],
    ["n", () => neighbour(1)],
    ["p", () => neighbour(-1)],
    ["b", sides],
    ["w", () => app.set({ columns: !app.state().columns })],
    ["i", () => film.values && app.set({ images: !app.state().images })],
    ["c", () => app.set({ folded: "all", folds: new Map(), selected: undefined })],
    ["e", () => app.set({ folded: "none", folds: new Map() })],
    ["Escape", () => app.set({ selected: undefined, lit: undefined })],
    ["/", () => byId("search", HTMLInputElement).focus()],
    ["?", () => byId("help", HTMLDialogElement).showModal()],
    [
      "r",
      () => {
        const { selected } = app.state();
        const blocks = scene()?.blocks;
        const own = selected === undefined ? undefined : blocks?.ofNode.get(selected);
        const { nodes } = timeline.frame(app.state().step);
        const form = own && formOf(own, nodes);
        const same = [...(blocks?.byPath.values() ?? [])].filter((block) => formOf(block, nodes) === form);
        const folds = new Map(app.state().folds);
        for (const { path } of same) folds.set(path, true);
        app.set({ folds, selected: undefined });
      },
    ],
  ]);
}

/** On a wide screen the tab stays; on a narrow one, where steps cover the graph, a chosen node is shown. */
function tabFor(tab: Tab): Tab {
  return tab === "steps" ? "node" : tab;
}

start().catch((cause: unknown) => {
  byId("failure", HTMLElement).textContent =
    `The film cannot be shown: ${cause instanceof Error ? cause.message : String(cause)}`;
  byId("failure", HTMLElement).hidden = false;
});
