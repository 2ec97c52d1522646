// Made-up results in the shape that the panels' Python side sends.
import type { CurationData, CurveData, Listing, MatrixData, Picture, QuadrantData, ReviewData, Row } from "../src/types";

/** A drawn picture, since there are no files here: mediaUrl's prefix is taken off again by main.tsx. */
export const drawn = (text: string, hue: number): string =>
  `data:image/svg+xml,${encodeURIComponent(
    `<svg xmlns="http://www.w3.org/2000/svg" width="64" height="48" viewBox="0 0 64 48"><rect width="64" height="48" fill="hsl(${hue} 40% 40%)"/><text x="32" y="34" font-size="28" text-anchor="middle" fill="white">${text}</text></svg>`,
  )}`;

export const pictures = (from: number): Picture[] =>
  Array.from({ length: 6 }, (_, i) => ({ id: `${from}-${i}`, path: drawn(String((from + i) % 10), 40 * i), caption: (0.01 * (from + i)).toFixed(3), note: `labelled ${(from + i) % 10}, looks like ${(from + i + 3) % 10}` }));

const rows: Row[] = Array.from({ length: 25 }, (_, i) => ({ value: i, label: `Cluster ${i}`, n: 160 - 6 * i, id: `c${i}`, path: drawn(String(i % 10), 14 * i), note: null, mean: 0.1 + 0.03 * i }));
const list: Listing = { column: "cluster", title: "Clusters", said: "The representative that each sample belongs to.", rows, hidden: "The 25 largest of 40.", size: "Samples", mean: "Mean distance", event: "show_group" };
const noise = [
  { title: "Noise in", said: "Share of the samples with this label that belong to another class" },
  { title: "Noise out", said: "Share of this class's samples that carry another label" },
];
const edges = Array.from({ length: 31 }, (_, i) => i / 30);
const counts = edges.slice(1).map((e, i) => (i === 4 ? 1 : Math.round(800 * Math.exp(-(((e - 0.8) / 0.12) ** 2)))));

const classes = ["cat", "dog", "a class with a long name"].map((name, i) => ({ name, counts: counts.map((n, bar) => Math.round((n * (i + 1) * (1 + Math.sin(bar + i))) / 9)) }));
const names = ["zero", "one", "two", "three", "four", "a long name"];
const matrix: MatrixData = { title: "Given label against suggested", said: "A row per given label, a column per class that the run says.", classes: names, cells: names.map((_, r) => names.map((_, c) => (r === c ? 170 : (7 * r + 3 * c) % 5 === 0 ? r + 1 : 0))), row_title: "Given", column_title: "Suggested", hidden: "The 6 classes mixed up most, of 100", estimated: names.map((_, r) => names.map((_, c) => (r === c ? 168.2 : (7 * r + 3 * c) % 5 === 0 ? r + 0.7 : 0))) };
const quadrants: QuadrantData = {
  title: "Hard, or wrong?", said: "Label quality across, importance up.", across: edges, up: Array.from({ length: 17 }, (_, i) => i / 16), split: [0.3, 0.6], x_title: "Label quality", y_title: "Importance",
  cells: Array.from({ length: 16 }, (_, y) => Array.from({ length: 30 }, (_, x) => Math.round(40 * Math.exp(-(((x - 27) / 6) ** 2) - ((y - 3) / 4) ** 2) + (x < 8 && y > 10 ? (x * y) % 3 : 0)))),
  quadrants: [
    { name: "wrong", title: "Hard and probably wrong", said: "Review these first", n: 31 },
    { name: "hard", title: "Hard but right", said: "Keep: a model learns most from these", n: 329 },
    { name: "doubtful", title: "Easy, yet probably wrong", said: "Often plain slips", n: 0 },
    { name: "easy", title: "Easy and right", said: "The bulk; the first to leave out of a subset", n: 1437 },
  ],
};

const line = (name: string, dashed: boolean, sizes: number[], values: number[]) => ({ name, dashed, sizes, values, low: values.map((value) => value - 0.03), high: values.map((value) => value + 0.03) });
const curve: CurveData = {
  name: "curating", title: "What cleaning is worth", said: "Share right of 500 trusted samples, over how many others were learned from; with 95 % intervals.",
  lines: [
    line("labels as given", false, [250, 500, 1000], [0.61, 0.7, 0.74]), line("suspects left out", false, [190, 370, 730], [0.62, 0.75, 0.79]),
    line("suspects relabelled", false, [250, 500, 1000], [0.63, 0.76, 0.8]), line("as many left out at random", true, [190, 370, 730], [0.58, 0.66, 0.72]), line("the subset", false, [300], [0.68]),
  ],
};

const scope = { text: "All 1,797 samples of the dataset", narrowed: false };
const run_method = (label: string) => ({ label, event: "run_method" });
const help = "Train a probe on the embeddings and find samples whose given label it confidently contradicts.";

export const home: CurationData = {
  scope,
  home: {
    poll: null,
    summary: "1,229 of 1,314 samples in use · 46 relabelled · 85 excluded · checked 3 minutes ago",
    running: [{ key: "map", label: "Compute map", said: "Running, started just now: laying out points", share: 0.4 }],
    failed: [{ key: "zero_shot", label: "Tag zero-shot", why: "Failed: classes must be a list, each text; got 7.", actions: [{ label: "Try again", event: "rerun" }, { label: "Forget", event: "forget" }] }],
    evidence: { word: "good", text: "embeddings tells one class from the others in 97% (96% to 98%) of comparisons; shuffled labels: 50%.", share: 0.97, action: null },
    findings: [
      { key: "label_issues", title: "Labels that look wrong", severity: "serious", first: 46, now: 7, text: "about 5 of them are wrong · 39 of 46 decided · labels of ground_truth · 1,229 checked", means: "Models that have not seen these samples disagree with their labels.", pictures: pictures(0).slice(0, 4).map(({ id, path }) => ({ id, path })), curve: [46, 45, 20, 7], stale: null, action: { label: "Review 7", event: "review" }, look: { label: "In the grid", event: "show_issue" } },
      { key: "duplicates", title: "Surplus copies", severity: "moderate", first: 85, now: 0, text: "all 85 decided · 1,314 checked", means: "The same image is there several times.", pictures: [], curve: [85, 40, 0], stale: "Out of date: 85 samples were excluded since.", action: { label: "Look", event: "open_run" }, look: null },
      { key: "outliers", title: "Outliers", severity: "minor", first: null, now: 4, text: "1,314 checked", means: "Unlike all others.", pictures: [{ id: "x", path: "missing.png" }, ...pictures(7).slice(0, 2).map(({ id, path }) => ({ id, path }))], curve: [4, 4], stale: null, action: { label: "Review 4", event: "review" }, look: { label: "In the grid", event: "show_issue" } },
    ],
    gaps: { rows: [{ title: "Labels that look wrong", why: "12 of 1,326 samples: no vector." }], action: { label: "Check again", event: "run_method" } },
    won: { text: "A simple classifier, asked for 260 held-out images; trained on the labels as they were given: 94.2%", first: "89.6%", now: "95.1%", interval: "93.1% to 96.6%", curve: [0.896, 0.93, 0.951], action: { label: "Report", event: "report_cleanup" } },
    history: [{ when: "just now", text: "1,229 samples · 11 found, 7 undecided · accuracy 95.1%" }, { when: "yesterday", text: "1,314 samples · 131 found, 131 undecided · accuracy 89.6%" }],
    next: { state: "in progress", title: "Next: labels that look wrong, 7 of 46 left", text: "39 of 46 are decided and stay so. About 5 of those left are wrong.", action: { label: "Review 7", event: "review", params: { key: "label_issues" } } },
    acts: ["Import images", "Keep or exclude", "Relabel", "Save slice", "Export list"].map((label) => ({ help, action: { label, event: "run_method" } })),
    stages: [
      {
        name: "understand", label: "Understand", about: "See what is in the dataset.",
        methods: [
          { name: "compute_embeddings", label: "Compute embeddings", help, state: "done", said: "3 minutes ago · 1,797 samples", headline: "1,797 vectors of 128 numbers, from gradient orientations and colour", reason: null, progress: null, key: "embeddings", others: [{ key: "clip", state: "failed" }, { key: "resnet", state: "done" }], action: run_method("New run") },
          { name: "compute_map", label: "Compute map", help, state: "running", said: "Running, started just now: laying out points", headline: null, reason: null, progress: 0.4, key: "map", others: [], action: null },
          { name: "find_representatives", label: "Find representatives", help, state: "stale", said: "yesterday · 1,790 samples", headline: "20 representatives; the farthest sample lies 0.42 from its own", reason: "Out of date: 7 samples were added", progress: null, key: "representatives", others: [], action: run_method("Run again") },
        ],
      },
      { name: "clean", label: "Clean", about: "Find what should not be there.", methods: [
        { name: "find_label_issues", label: "Find label issues", help, state: "none", said: "Not run", headline: null, reason: null, progress: null, key: null, others: [], action: run_method("Run") },
        { name: "tag", label: "Tag zero-shot", help, state: "failed", said: "an hour ago", headline: null, reason: "Failed: TagParams.classes must be a list, each text; got 7", progress: null, key: "zero_shot", others: [], action: run_method("New run") },
      ] },
      { name: "select", label: "Select", about: "Choose what is worth training on.", methods: [] },
    ],
  },
};

export const run: CurationData = {
  scope: { text: "The current view: 1,200 of 1,797 samples", narrowed: true },
  showing: { text: "The grid shows 214 samples: Quality 0.2 to 0.4", event: "show_range", column: "quality", low: 0.6, high: 0.8 },
  page: {
    key: "label_issues", label: "Find label issues", state: "stale", progress: null, kinds: [], said: "label_issues · 3 minutes ago · 1,797 samples",
    headline: "23 likely label issues among 1,797 samples", reason: "Out of date: labels in 'ground_truth' have changed", about: help, note: null,
    actions: [
      { label: "Save as slice", event: "save_slice" }, { label: "Export list", event: "export" }, { label: "Run again", event: "rerun" }, { label: "Forget", event: "forget" },
    ],
    scores: [{ column: "quality", title: "Quality" }, { column: "other", title: "Confidence" }],
    score: { column: "quality", title: "Quality", said: "How well the given label fits, in [0, 1]. High is good.", histogram: { edges, counts, classes, hidden: null, low: "0 · worst", high: "1 · best", missing: "12 samples without a value" } },
    ends: [
      { which: "best", title: "Best", said: "Highest quality first", pictures: pictures(90), page: 0, more: true },
      { which: "worst", title: "Worst", said: "Lowest quality first", pictures: [...pictures(0).slice(0, 5), { id: "x", path: "missing.png", caption: "0.061" }], page: 1, more: true },
    ],
    matrix, quadrants, curve,
    lists: [list, { ...list, column: "label", title: "Given labels", more: noise, rows: rows.slice(0, 3).map((row, i) => ({ ...row, more: i ? [0.04 * i, 0.1 / i] : [null, null] })), hidden: null }],
    facts: [{ label: "Likely issues", value: "23" }, { label: "Out-of-fold accuracy", value: "0.957" }, { label: "Classes", value: "0, 1, 2, 3, 4, 5, 6, 7, 8, 9" }],
    settings: [{ label: "Embeddings to compare samples by", value: "embeddings" }, { label: "Seed", value: "51" }],
  },
};

export const empty: CurationData = {
  advice: { title: "This dataset has no images yet", text: "Import a folder of images first; labels are taken from the names of its subfolders where there are any.", action: { label: "Import images", event: "run_method", params: { method: "import_images" } } },
};

const queue: ReviewData = {
  sources: [
    { key: "label_issues", label: "Find label issues", said: "23 likely label issues among 1,797 samples" },
    { key: "duplicates", label: "Find duplicates", said: "12 copies in 5 groups" },
  ],
  source: "label_issues", scope: "of the current view", classes: ["0", "1", "2", "3", "8"], reasons: ["unusable", "duplicate", "not in scope"], in_grid: false,
};

export const review: ReviewData = {
  ...queue, stamp: "1", undo: "labelled 3", said: "Labelled 3.", selected: 4, next: null,
  progress: { done: 7, total: 23, text: "7 of 23 decided: 5 relabelled, 1 kept, 1 excluded", place: "8 of 23" },
  card: {
    id: "a", path: drawn("8", 20), name: "digit_0937.png", given: "3", suggested: "8", agrees: false, chance: "97 %", second: "3", boxes: [], labels: [{ field: "zero_shot", label: "8" }], decided: "Kept",
    facts: [{ label: "Quality", value: "0.0123" }, { label: "Rank", value: "8" }, { label: "Detectors", value: "logistic, neighbors" }],
    origin: "From label_issues: find label issues by embeddings", compare: null,
    alike: [{ title: "Most like it among “3”, with similarity", pictures: pictures(3).slice(0, 4) }, { title: "Most like it among “8”, with similarity", pictures: pictures(8).slice(0, 4) }],
  },
};

export const reviewed: ReviewData = {
  ...queue, stamp: "2", undo: "kept", said: "Kept.",
  progress: { done: 23, total: 23, text: "23 of 23 decided: 20 relabelled, 2 kept, 1 excluded", place: "" },
  finished: { title: "All 23 samples are decided", text: "Decided so far: 20 relabelled, 2 kept, 1 excluded.", action: { label: "Show them in the grid", event: "show_queue" } },
};

export const copies: ReviewData = {
  ...review, source: "duplicates", selected: 0,
  card: {
    ...review.card!, given: null, suggested: null, decided: null, alike: [], origin: "From duplicates: find duplicates by embeddings",
    compare: {
      members: [
        { id: "a", path: drawn("8", 20), name: "eight_0937.png", keep: true, decided: null },
        { id: "b", path: drawn("8", 30), name: "eight_0937_copy.jpg", keep: false, decided: null },
        { id: "c", path: "missing.png", name: "eight_1210_a_long_name.jpg", keep: false, decided: "excluded" },
      ],
      rows: [
        { label: "Size", values: ["64 × 64", "64 × 64", "unreadable"], differs: true },
        { label: "File", values: ["2,114 B", "1,020 B", "12 B"], differs: true },
        { label: "Label", values: ["8", "8", "8"], differs: false },
      ],
      proposal: "Keep 1, exclude 2", hidden: null,
    },
  },
};

export const batch: ReviewData = {
  ...review, mode: "batch", card: null,
  batch: {
    pictures: Array.from({ length: 18 }, (_, i) => ({ id: `b${i}`, path: drawn(String(i % 10), 20 * i), caption: `${i % 10} → ${(i + 3) % 10}`, note: (0.01 * i).toFixed(3), decided: i < 2 ? "relabelled" : null, begins: i === 4 || i === 9 })),
    text: "1 to 18 of 23, similar samples side by side; a bar begins a section", previous: null, more: "b18",
  },
};
