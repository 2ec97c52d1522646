// A made-up map of 20,000 points, some of 100,000, in the shape that panels/map/panel.py sends.
import type { MapData } from "../src/types";

const N = 20_000;
const CLASSES = 26;

const encoded = (array: Uint8Array | Uint16Array): string => {
  const raw = new Uint8Array(array.buffer);
  let text = "";
  for (let i = 0; i < raw.length; i += 4096) text += String.fromCharCode(...raw.subarray(i, i + 4096));
  return btoa(text);
};

/** The same numbers on every load. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1664525 + 1013904223) % 4294967296;
    return state / 4294967296;
  };
}

export function mapData(dims: 2 | 3, chosen: boolean): MapData {
  const next = random(dims);
  const normal = () => next() + next() + next() + next() - 2;
  const middles = Array.from({ length: 40 }, () => Array.from({ length: dims }, () => 0.15 + 0.7 * next()));
  const positions = new Uint16Array(N * dims);
  const codes = new Uint8Array(N);
  const lit = new Uint8Array(N / 8);
  for (let i = 0; i < N; i++) {
    const group = Math.floor(next() * 40);
    for (let axis = 0; axis < dims; axis++) positions[i * dims + axis] = 65535 * Math.min(1, Math.max(0, middles[group][axis] + 0.05 * normal()));
    codes[i] = Math.min(20, group);
    if (group < 8) lit[i >> 3] |= 1 << (i & 7);
  }
  const tiles = middles.map((middle) => middle.map((one) => 65535 * one)).flat();
  const rows = Array.from({ length: 20 }, (_, slot) => ({ slot, label: `class ${slot}`, value: `class ${slot}`, n: 900 - 7 * slot }));
  const classes = Array.from({ length: CLASSES }, (_, i) => ({ label: `class ${i}`, value: `class ${i}`, n: 900 - 7 * i, on: i < 20 }));
  return {
    maps: [{ key: "map", label: `UMAP of embeddings, ${dims}D · map` }, { key: "other", label: "PCA of clip, 2D · other" }],
    map: "map",
    plot: { token: "t", dims, n: N, positions: encoded(positions), hidden: { positions: encoded(Uint16Array.from(tiles)), strengths: encoded(new Uint8Array(40).fill(160)) } },
    drawn: "20,000 drawn, the shade shows where the others lie",
    scope: "100,000 samples",
    quality: [{ label: "Trustworthy", value: "97%", help: "Samples that lie close here are alike" }, { label: "Neighbors kept", value: "41%", help: "Of the samples most like each one" }],
    stale: chosen ? "Out of date: 7 samples were added." : null,
    narrowed: chosen,
    fields: [
      { path: "ground_truth.label", label: "ground_truth", title: "ground_truth", group: "Labels and tags", sizes: false },
      { path: "issues_quality", label: "Quality", title: "Quality · issues", group: "Find label issues · issues", sizes: true },
    ],
    color: { kind: "classes", path: "ground_truth.label", codes: encoded(codes), title: "ground_truth", said: "Given labels", legend: { rows: [...rows, { slot: 20, label: "6 other classes", value: null, n: null }], classes, most: 20 } },
    size: null,
    lit: chosen ? encoded(lit) : null,
    chosen: chosen ? { n: 21_034, text: "21,034 samples chosen", corners: dims === 2 ? [[0.2, 0.2], [0.5, 0.15], [0.6, 0.5], [0.3, 0.6]] : null, value: null, fits: true } : null,
    in_grid: !chosen,
    said: chosen ? "12 samples tagged “look again”." : null,
    undo: chosen ? "excluded" : null,
  };
}
