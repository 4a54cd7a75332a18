// The worker that lays out graphs: Graphviz in WebAssembly. The module listens to the messages of the worker by itself.

import listen from "@aduh95/viz.js/worker";
import code from "@aduh95/viz.js/wasm?url";

void listen({ locateFile: () => code });
