// Made-up comparisons in the shape that panels/compare/panel.py sends: of many samples, of one, of more than is known about, and of none.
import type { ComparisonData } from "../src/types";
import { drawn } from "./data";

const MANY = 12;
const pictures = Array.from({ length: MANY }, (_, i) => ({ id: `s${i}`, path: i === 4 ? "missing.png" : drawn(String(i % 10), 30 * i), caption: String(i + 1) }));
const classes = ["zero", "one", "two", "a class with quite a long name", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"];
const neighbors = Array.from({ length: 9 }, (_, i) => ({ id: `n${i}`, path: drawn("3", 10 * i), caption: i ? (0.99 - 0.013 * i).toFixed(3) : "this one" }));

export const compared: ComparisonData = {
  advice: null, pictures, neighbors, hidden: "3 more are selected; 12 are compared at once.",
  embeddings: { chosen: "embeddings", choices: ["embeddings", "clip"] },
  predictions: { chosen: "zero_shot", choices: ["zero_shot", "classifier"] },
  similarity: pictures.map((_, r) => pictures.map((_, c) => (r === 4 || c === 4 ? null : r === c ? 1 : 0.9 - 0.07 * Math.abs(r - c)))),
  says: { classes, shown: 10, many: false, temperature: 0.01, logits: pictures.map((_, i) => (i === 4 ? null : classes.map((_, c) => 6 * Math.cos(c - i)))) },
};

export const single: ComparisonData = { ...compared, hidden: null, pictures: pictures.slice(0, 1), similarity: [[1]], says: { ...compared.says!, logits: compared.says!.logits.slice(0, 1), temperature: null } };

/** A selection that has grown: its pictures are there, what is said about them is still of those before. */
export const growing: ComparisonData = { ...single, pictures: pictures.slice(0, 4) };

export const unselected: ComparisonData = {
  advice: { title: "No sample is selected", text: "Tick the box at the corner of a picture in the grid: one to see its neighbors, several to compare them.", action: null },
  pictures: [], similarity: null, says: null, neighbors: null,
};
