// Texts of nets that were trained by CTC.

import { describe, expect, test } from "vitest";
import { ctcText } from "../../src/tasks/index.js";

const labels = ["", "a", "b", " "];

/** Values in which these labels are the most probable, step by step. */
function steps(best: string, score = 0.9): Float32Array {
  const all = [...best].flatMap((letter) => {
    const at = letter === "-" ? 0 : labels.indexOf(letter);
    return labels.map((_, label) => (label === at ? score : (1 - score) / 3));
  });
  return Float32Array.from(all);
}

describe("ctcText", () => {
  test.each([
    ["ab", "ab"],
    ["aabbb", "ab"],
    ["a-a", "aa"],
    ["--a--b-", "ab"],
    ["a-- -b", "a b"],
    ["-----", ""],
    ["", ""],
    ["ba-ab", "baab"],
  ])("%s is read as %j", (best, text) => {
    expect(ctcText(steps(best), labels).text).toBe(text);
  });

  test("scores are the mean of the steps that gave a label", () => {
    const values = Float32Array.of(...steps("a", 0.5), ...steps("-", 1), ...steps("b", 1));
    expect(ctcText(values, labels)).toEqual({ text: "ab", score: 0.75 });
    expect(ctcText(steps("--"), labels)).toEqual({ text: "", score: 0 });
  });

  test("the blank may be another label, and labels several letters", () => {
    const values = Float32Array.of(0.1, 0.9, 0.9, 0.1, 0.2, 0.8);
    expect(ctcText(values, ["word", "#"], { blank: 1 }).text).toBe("word");
    expect(ctcText(values, ["", "<x>"]).text).toBe("<x><x>");
  });

  test("values that are not numbers are never the largest, and a step of them is a blank", () => {
    const { NaN: none } = Number;
    const values = [none, 0.9, 0.1, 0, 0.9, none, 0.1, 0, none, none, none, none, none, 0.2, 0.7, 0];
    expect(ctcText(values, labels)).toEqual({ text: "ab", score: 0.8 });
    expect(ctcText([none, none], ["a", "#"], { blank: 1 }).text).toBe("");
  });

  test("ties go to the first label", () => {
    expect(ctcText([0.5, 0.5, 0, 0], labels).text).toBe("");
    expect(ctcText([0.1, 0.5, 0.2, 0.5], labels).text).toBe("a");
  });

  test.each([
    [{ a: 1 } as never, labels, {}, "ctcText: values must be an array of numbers"],
    [[1], undefined as never, {}, "ctcText: labels must be a list, not undefined"],
    [[1, 2, 3], labels, {}, "3 values are no steps of 4 labels"],
    [[1], [], {}, "1 values are no steps of 0 labels"],
    [[1, 2, 3, 4], labels, { blank: 4 }, "blank must be the index of one of 4 labels, not 4"],
    [[1, 2, 3, 4], labels, { blank: 0.5 }, "blank must be the index of one of 4 labels, not 0.5"],
  ] as const)("%j with %j is refused", (values, names, options, message) => {
    expect(() => ctcText(values, names, options)).toThrow(message);
  });
});
