// The page of a film: one self-contained HTML file, which asks for nothing and allows no script but its own.

import { gzipSync } from "fflate";
import { toBase64 } from "#backend/base64.js";
import { markupText } from "#diagnostic/escape.js";
import type { Film } from "./data.js";
import { pageScript, pageScriptHash, pageStyle } from "./page-text.js";

/** The HTML text. `codes` are those of all images of the film. */
export function pageText(film: Film, codes: Uint8Array): string {
  const title = `${film.name}: ${film.compares ? "two graphs compared" : "what the compiler did"}`;
  const policy = `default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-${pageScriptHash}'; base-uri 'none'; form-action 'none'`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>${markupText(title)}</title>
<style>${pageStyle}</style>
</head>
<body>
<header>
<h1 title="${markupText(film.name)}">${markupText(film.name)}</h1>
<div class="finder"><input id="search" type="search" placeholder="Search  /" autocomplete="off" spellcheck="false" aria-label="search nodes by name, op, shape or weight"><div id="found" hidden></div></div>
<div class="player">
<button data-key="ArrowLeft" title="one step back (← or k)" aria-label="one step back">◀</button>
<button data-key="ArrowRight" title="one step on (→ or j)" aria-label="one step on">▶</button>
<input id="slider" type="range" min="0" value="0" aria-label="step">
<span id="at"></span>
<span id="what" role="status"></span>
</div>
<div class="tools">
<button data-key="f" title="show the whole graph (f)">Fit</button>
<button class="wide" data-key="c" title="fold all blocks (c)">Fold</button>
<button class="wide" data-key="e" title="open all blocks (e)">Open</button>
<button id="images-button" data-key="i" title="images of values (i)" aria-pressed="true">Images</button>
<button id="sides-button" data-key="b" title="before and after, side by side (b)" aria-pressed="false">Sides</button>
<button data-key="?" title="keys (?)" aria-label="keys and colours">?</button>
</div>
</header>
<nav id="steps" aria-label="passes and rules"></nav>
<main id="stage">
<div class="half" id="left" hidden><h2 id="left-title"></h2><canvas class="main" id="other" role="img"></canvas><canvas class="map" id="other-map" hidden></canvas></div>
<div class="half"><h2 id="right-title"></h2><canvas class="main" id="graph" role="img"></canvas><canvas class="map" id="map" hidden></canvas></div>
<div id="told"></div>
</main>
<aside id="details">
<div class="tabs" role="tablist">
<button id="tab-steps" role="tab">Steps</button>
<button id="tab-node" role="tab">Node</button>
<button id="tab-source" role="tab">Source</button>
<button id="tab-code" role="tab">Code</button>
</div>
<div class="tab" id="node"></div>
<div class="tab" id="source"></div>
<div class="tab" id="code"></div>
</aside>
<dialog id="help" aria-label="keys and colours">
<form method="dialog"><button class="close" aria-label="close">✕</button></form>
<dl>
<dt><kbd>→</kbd> <kbd>j</kbd>, <kbd>←</kbd> <kbd>k</kbd></dt><dd>the next step, the last one</dd>
<dt><kbd>⇧→</kbd> <kbd>J</kbd>, <kbd>⇧←</kbd> <kbd>K</kbd></dt><dd>to the end of a pass, to the pass before</dd>
<dt><kbd>Home</kbd>, <kbd>End</kbd></dt><dd>the graph as written, the last graph</dd>
<dt><kbd>/</kbd></dt><dd>search: names, ops, shapes (56x56), weights, kernels, rules</dd>
<dt><kbd>n</kbd>, <kbd>p</kbd></dt><dd>the next node, the one before</dd>
<dt><kbd>f</kbd>, <kbd>z</kbd></dt><dd>the whole graph; what is selected or has changed</dd>
<dt><kbd>+</kbd> <kbd>−</kbd>, <kbd>↑</kbd> <kbd>↓</kbd></dt><dd>zoom, move; with the mouse: Ctrl and wheel, drag</dd>
<dt><kbd>c</kbd>, <kbd>e</kbd></dt><dd>fold all blocks, open all; a double click opens a block, or folds that of a node</dd>
<dt><kbd>r</kbd></dt><dd>fold the block of the selected node, and all that repeat it</dd>
<dt><kbd>w</kbd></dt><dd>a tall graph in columns, or in one</dd>
<dt><kbd>b</kbd></dt><dd>before and after, side by side</dd>
<dt><kbd>i</kbd></dt><dd>images of values</dd>
<dt><kbd>Esc</kbd></dt><dd>select nothing</dd>
</dl>
<p class="key"><span><i class="chip added">added</i></span><span><i class="chip changed">changed</i></span><span><i class="chip removed">removed, as it was before</i></span></p>
<p class="key"><span><i class="dot sum"></i>multiplies and adds</span><span><i class="dot elementwise"></i>elementwise</span><span><i class="dot pool"></i>pools, reduces</span><span><i class="dot move"></i>moves</span><span><i class="dot other"></i>other</span><span><i class="dot input"></i>input, output</span></p>
<p class="key">A bar at the left of a box, or a frame around several, is a kernel.</p>
</dialog>
<div id="failure" role="alert" hidden>This page needs scripts.</div>
<script type="text/plain" id="film">${packed(film, codes)}</script>
<script>${pageScript}</script>
</body>
</html>
`;
}

/** The data as the page's script reads it (`data.ts`): base64 has no character that ends a script. */
function packed(film: Film, codes: Uint8Array): string {
  const json = new TextEncoder().encode(JSON.stringify(film));
  const bytes = new Uint8Array(4 + json.length + codes.length);
  new DataView(bytes.buffer).setUint32(0, json.length, true);
  bytes.set(json, 4);
  bytes.set(codes, 4 + json.length);
  return toBase64(gzipSync(bytes, { level: 9, mtime: 0 }));
}
