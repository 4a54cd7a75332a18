// README's table of speed and download, from the results in a browser.

import type { Comparison, PeerResult } from "../results.js";
import { between, cpuOf, markdownTable, milliseconds, whereOf } from "../results.js";

const begin = "<!-- speed, written by `npm run bench -- --browser --docs` -->";
const end = "<!-- /speed -->";

/** How README names the other runtimes, in the order of its columns. */
const others: Readonly<Record<string, string>> = {
  litert: "LiteRT.js",
  "onnxruntime-web": "onnxruntime-web",
  "tfjs-wasm": "tfjs-wasm",
};

/** The text of README with the table of these results between its marks. Throws an `Error` if a mark is missing. */
export function withSpeed(readme: string, results: readonly Comparison[]): string {
  return between("README", readme, [begin, end], speedText(results));
}

/** The table, and what it was measured on. */
export function speedText(results: readonly Comparison[]): string {
  const shown = results.filter((result) => ownOf(result) && peerOf(result, "litert"));
  const processors = [...new Set(shown.map(cpuOf))];
  const hasIntegers = shown.some((result) => peerOf(result, "cleave-relaxed-int8"));
  const head = [
    "model",
    ...(processors.length > 1 ? ["processor"] : []),
    "Cleave, ms",
    "two threads, ms",
    ...Object.values(others).map((name) => `× ${name}`),
    ...(hasIntegers ? ["int8, ms", "× LiteRT.js int8"] : []),
    "code, KiB gzipped",
  ];
  const rows = shown.map((result) => {
    const own = ownOf(result);
    const integers = peerOf(result, "cleave-relaxed-int8");
    return [
      `${result.model}, ${result.input.slice(1, 3).join("×")}`,
      ...(processors.length > 1 ? [cpuOf(result)] : []),
      timeOf(own),
      timeOf(threaded(peerOf(result, "cleave-relaxed:2"))),
      ...Object.keys(others).map((name) => times(own, peerOf(result, name))),
      ...(hasIntegers ? [timeOf(integers), times(integers, peerOf(result, "litert-int8"))] : []),
      kibibytes(own),
    ];
  });
  const loaded = Object.entries(others).flatMap(([peer, name]) => {
    const code = shown.map((result) => kibibytes(peerOf(result, peer))).find((text) => text !== "");
    return code === undefined ? [] : [`${name} ${code} KiB`];
  });
  const where = [whereOf, cpuOf].map((of) => [...new Set(shown.map(of))].join(" and ")).join(" on ");
  return `${markdownTable([head, ...rows], processors.length > 1 ? 2 : 1)}

${hasIntegers ? "int8: networks of 8-bit integers, by each runtime's own quantizer, with a quarter of the weights' bytes. " : ""}Measured in ${where}. The code of the other runtimes, which a page loads besides a model, gzipped: ${loaded.join(", ")}.`;
}

/** What `load` uses in a browser with relaxed SIMD, on one thread. */
function ownOf(result: Comparison): PeerResult | undefined {
  return peerOf(result, "cleave-relaxed");
}

function peerOf({ peers }: Comparison, name: string): PeerResult | undefined {
  return peers.find(({ peer }) => peer === name);
}

/** A peer that uses the threads it was asked for: small nets stay on one. */
function threaded(one: PeerResult | undefined): PeerResult | undefined {
  return one && one.threads > 1 ? one : undefined;
}

/** How many times as fast the first is; empty if one was not measured. */
function times(own: PeerResult | undefined, one: PeerResult | undefined): string {
  return own && one ? (one.medianMs / own.medianMs).toFixed(2) : "";
}

function timeOf(one: PeerResult | undefined): string {
  return one ? milliseconds(one.medianMs) : "";
}

/** The gzipped code that a page loads for a peer. */
function kibibytes(one: PeerResult | undefined): string {
  const bytes = one?.download?.code.gzipBytes;
  return bytes === undefined ? "" : (bytes / 1024).toLocaleString("en", { maximumFractionDigits: 0 });
}
