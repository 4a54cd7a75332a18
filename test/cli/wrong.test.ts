// Wrong input for every command: its messages, its exit code, and that no file is changed or left behind.

import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { writeNpy } from "#weights/npy.js";
import { cases } from "../cases.js";
import { cleave } from "./terminal.js";

const folder = mkdtempSync(join(tmpdir(), "cleave-wrong-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const tiny = `net tiny {
  input image: f32[N, 8, 8, 3]
  x = conv2d(image, filters=4, kernel=3x3, stride=2, padding=same) |> relu
  output logits = x |> global_avg_pool |> dense(units=10)
}
`;

const files: Record<string, string | Uint8Array> = {
  "tiny.net": tiny,
  "two.net": `${tiny}${tiny.replace("tiny", "other")}`,
  "open.net": "net open {\n  input a: f32[1, H, W, 3]\n  output y = relu(a)\n}\n",
  "pair.net": "net pair {\n  input left: f32[1, 4]\n  input right: f32[1, 4]\n  output y = left + right\n}\n",
  "wide.net": "net wide {\n  input x: f32[1, 30000]\n  output y = dense(x, units=30000)\n}\n",
  "vast.net":
    "net vast {\n  input x: f32[1, 40000, 30000, 1]\n  output y = max_pool(x, kernel=2x2, stride=2x2)\n}\n",
  "named.net": tiny.replace("{\n", '{\n  weights "none.safetensors"\n'),
  "rules.net": "rule twice: relu(relu(x)) => relu(x)\n",
  "junk.net": Uint8Array.of(0x4e, 0xff, 0xfe, 0x00, 0x81),
  "junk.onnx": Uint8Array.of(0x4e, 0xff, 0xfe, 0x00, 0x81),
  "empty.net": "",
  "empty.png": "",
  "text.png": "this is text\n",
  "text.txt": "this is text\n",
  "open.json": "[1, 2",
  "words.json": '["a", "b"]',
  "ragged.json": "[[1, 2], [3]]",
  "short.json": "[1, 2, 3]",
  "three.txt": "a\nb\nc\n",
  "gap.txt": "a\n\nc\n\n",
  "blank.txt": " \n\n",
  "thin.net":
    "net thin {\n  input image: f32[1, 8, 8, 3]\n  x = conv2d(image, filters=1, kernel=1x2)\n  output y = global_avg_pool(x)\n}\n",
  "turned.net":
    "net turned {\n  input image: f32[1, 8, 8, 3]\n  output y = conv2d_transpose(image, filters=4, kernel=3x3)\n}\n",
  "flat.net": "net flat {\n  input x: f32[1, 8]\n  output y = dense(x, units=4)\n}\n",
  "samples.npy": writeNpy({
    shape: [4, 8, 8, 3],
    data: Float32Array.from({ length: 768 }, (_, at) => at % 7),
  }),
  "moved.npy": writeNpy({ shape: [4, 3, 8, 8], data: new Float32Array(768) }),
  "equal.npy": writeNpy({ shape: [4, 8, 8, 3], data: new Float32Array(768) }),
  "rows.npy": writeNpy({ shape: [4, 8], data: new Float32Array(32) }),
  "nchw.npy": writeNpy({ shape: [1, 3, 8, 8], data: new Float32Array(192) }),
};
for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
cpSync("examples/fm_resnet16.onnx", join(folder, "model.onnx"));
cpSync("examples/images/00_ankle_boot.png", join(folder, "shoe.png"));
for (const name of ["taken/tiny.mjs", "dump.svg", "folder.onnx"])
  mkdirSync(join(folder, name), { recursive: true });

/** The paths below the folder, with the contents of the files. */
function contents(): Map<string, string> {
  return new Map(
    readdirSync(folder, { recursive: true, withFileTypes: true }).map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return [path, entry.isFile() ? readFileSync(path, "latin1") : "folder"];
    }),
  );
}
for (const name of ["pipe.net", "pipe.onnx", "pipe.json", "pipe.npy", "pipe.png"])
  execFileSync("mkfifo", [join(folder, name)]);

const before = contents();

// `@` in a case is the folder of these files.
cases(import.meta.dirname, "wrong.txt", async (input) => {
  const argv = input.trim().replaceAll("@", folder).split(" ");
  const { code, out, err } = await cleave(...argv);
  const after = contents();
  const changed = [...new Set([...before.keys(), ...after.keys()])].filter(
    (path) => before.get(path) !== after.get(path),
  );
  const text = `${out}${err}${changed.map((path) => `changed ${path}\n`).join("")}exit ${code}`;
  return text.replaceAll(folder, "@").replaceAll(/^$\n/gm, "");
});
