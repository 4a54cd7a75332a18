// Comparisons of the bench as its tests make them up.

import type { Comparison, PeerResult } from "../../bench/results.js";

export const peer = (name: string, medianMs: number, more: Partial<PeerResult> = {}): PeerResult => ({
  peer: name,
  threads: 1,
  loadMs: 100,
  firstRunMs: 50,
  medianMs,
  leastMs: medianMs,
  runs: 3,
  peakBytes: 2e6,
  ratio: 1,
  difference: 0,
  agrees: true,
  ...more,
});

export const comparison = (peers: readonly PeerResult[], more: Partial<Comparison> = {}): Comparison => ({
  model: "m",
  input: [1, 2, 2, 3],
  dims: [],
  node: "v24.0.0",
  cpu: "",
  date: "",
  rounds: 3,
  weightBytes: 1e6,
  peers,
  leftOut: [],
  ...more,
});
