// Measures peak memory and time of `cleave compile`, minus the memory of `cleave --version`, and compares them with the bytes of the
// weights. For ONNX models of about 100 MB it measures the whole peak of `cleave import` and `cleave compile` and compares it with the
// bytes of their files, against a limit. Writes results/memory.json. `npm run memory -- --help` lists the options.

import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { cpus, tmpdir } from "node:os";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { pathToFileURL } from "node:url";

const usage = `memory [MODEL.net …] [options]
  MODEL.net        default: mobilenet_v1, resnet18 and vgg16 of ../examples, and then ONNX models that are generated
  --runs N         runs of each, of which the median counts (default 5)`;

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: "string", default: "5" },
    help: { type: "boolean", default: false },
  },
});
if (options.help) {
  console.log(usage);
  process.exit(0);
}
const runs = Number(options.runs);
if (!Number.isInteger(runs) || runs < 1) stop("--runs is a whole number, 1 or more");

/** The largest allowed peak for a large ONNX model, as a multiple of its files. */
const onnxLimit = 2.5;

// This runs the built files, as a user does; with a loader of TypeScript it would measure that loader.
const main = join(import.meta.dirname, "../dist/src/cli/main.js");
if (!existsSync(main)) stop("there is no dist; run `npm run build` in the repository first");
const models =
  positionals.length > 0
    ? positionals
    : ["mobilenet_v1", "resnet18", "vgg16"].map((name) =>
        join(import.meta.dirname, `../examples/${name}.net`),
      );

const version = measure(["--version"]);
const results = models.map((model) => {
  const folder = mkdtempSync(join(tmpdir(), "cleave-memory-"));
  try {
    const run = measure(["compile", model, "--json", "-o", folder]);
    const { weightBytes } = JSON.parse(run.out) as { weightBytes: number };
    const overVersion = run.peakBytes - version.peakBytes;
    return {
      model: basename(model),
      weightBytes,
      peakBytes: run.peakBytes,
      overVersion,
      ratio: overVersion / weightBytes,
      seconds: run.seconds,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
const large = positionals.length > 0 ? [] : ["f32", "int8", "external"].flatMap(measureLarge);
print();
const folder = join(import.meta.dirname, "results");
mkdirSync(folder, { recursive: true });
const report = {
  node: process.version,
  cpu: cpus()[0]?.model,
  date: new Date().toISOString(),
  runs,
  versionPeakBytes: version.peakBytes,
  results,
  onnxLimit,
  onnx: large,
};
writeFileSync(join(folder, "memory.json"), `${JSON.stringify(report, null, 2)}\n`);
const over = large.filter(({ ratio }) => ratio >= onnxLimit);
if (over.length > 0)
  stop(`over ${onnxLimit}×: ${over.map(({ command, kind }) => `${command} of ${kind}`).join(", ")}`);

interface Large {
  readonly kind: string;
  readonly command: "import" | "compile";
  readonly fileBytes: number;
  readonly peakBytes: number;
  readonly ratio: number;
  readonly seconds: number;
}

/** Imports and compiles a generated model of about 100 MB. */
function measureLarge(kind: string): Large[] {
  const [model, out] = [0, 1].map(() => mkdtempSync(join(tmpdir(), "cleave-memory-"))) as [string, string];
  try {
    // In a separate process, because on some systems a process that starts others passes its own peak on to them.
    const generator = join(import.meta.dirname, "large-models.built.mjs");
    const { status, stderr } = spawnSync(process.execPath, [generator, kind, model], { encoding: "utf8" });
    if (status !== 0) stop(`the model was not made:\n${stderr}`);
    const fileBytes = readdirSync(model).reduce((sum, name) => sum + statSync(join(model, name)).size, 0);
    return (["import", "compile"] as const).map((command) => {
      const target = command === "import" ? join(out, "model.net") : out;
      const { peakBytes, seconds } = measure([command, join(model, `${kind}.onnx`), "-o", target]);
      return { kind, command, fileBytes, peakBytes, ratio: peakBytes / fileBytes, seconds };
    });
  } finally {
    for (const folder of [model, out]) rmSync(folder, { recursive: true, force: true });
  }
}

function stop(why: string): never {
  console.error(why);
  process.exit(2);
}

interface Run {
  readonly out: string;
  readonly peakBytes: number;
  readonly seconds: number;
}

/** Medians over the runs of one command line of `cleave`, each in a separate process. */
function measure(argv: readonly string[]): Run {
  const all = Array.from({ length: runs }, () => runOnce(argv));
  return {
    out: all[0]?.out ?? "",
    peakBytes: median(all.map((run) => run.peakBytes)),
    seconds: median(all.map((run) => run.seconds)),
  };
}

/** The system records the peak of each process (`getrusage`, as `/usr/bin/time` does); the process writes it down itself. */
function runOnce(argv: readonly string[]): Run {
  const folder = mkdtempSync(join(tmpdir(), "cleave-memory-"));
  try {
    const [probe, peak] = [join(folder, "probe.mjs"), join(folder, "peak")];
    writeFileSync(
      probe,
      `import { writeFileSync } from "node:fs";
process.on("exit", () => writeFileSync(${JSON.stringify(peak)}, String(process.resourceUsage().maxRSS)));\n`,
    );
    const begin = performance.now();
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ["--import", pathToFileURL(probe).href, main, ...argv],
      { encoding: "utf8" },
    );
    const seconds = (performance.now() - begin) / 1000;
    if (status !== 0) stop(`cleave ${argv.join(" ")} ended with ${status}:\n${stderr}`);
    return { out: stdout, peakBytes: Number(readFileSync(peak, "utf8")) * 1024, seconds };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function median(all: readonly number[]): number {
  return all.toSorted((a, b) => a - b)[Math.floor(all.length / 2)] ?? Number.NaN;
}

function print(): void {
  const mega = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
  console.log(`medians of ${runs} runs; cleave --version takes ${mega(version.peakBytes)}`);
  for (const { model, weightBytes, peakBytes, overVersion, ratio, seconds } of results) {
    console.log(
      `${model.padEnd(18)} weights ${mega(weightBytes).padStart(9)}   peak ${mega(peakBytes).padStart(9)}   over --version ${mega(overVersion).padStart(9)} = ${ratio.toFixed(2)}×   ${seconds.toFixed(2)} s`,
    );
  }
  for (const { kind, command, fileBytes, peakBytes, ratio, seconds } of large) {
    console.log(
      `${`${command} ${kind}.onnx`.padEnd(22)} files ${mega(fileBytes).padStart(9)}   peak ${mega(peakBytes).padStart(9)} = ${ratio.toFixed(2)}×, limit ${onnxLimit}×   ${seconds.toFixed(2)} s`,
    );
  }
}
