// Made-up reports in the shape that panels/report/panel.py sends: one, two side by side, and what is said where there is none.
import type { MeasureRow, ReportData, Verdict } from "../src/types";
import { drawn, pictures } from "./data";

const measure = (name: string, title: string, verdict: Verdict, place: number, value: string, random: string): MeasureRow => ({
  name, title, verdict, place, value, random, said: `${title}, as the report measures it`, random_places: [0.2, 0.3, 0.35, 0.25, 0.32], other: null, other_place: null,
});
const measures = [
  measure("mean_distance", "Mean distance", "better", 1, "0.0713", "0.0954 ± 0.0012"),
  measure("rare_clusters", "Rare clusters", "better", 0.9, "0.917", "0.415 ± 0.038"),
  measure("evenness", "Evenness of classes", "worse", 0.02, "0.902", "0.993 ± 0.002"),
  measure("balanced_accuracy", "Balanced accuracy", "alike", 0.3, "0.928", "0.926 ± 0.007"),
];
const sizes = [18, 45, 90, 135, 180];
const curve = (name: string, title: string) => ({ name, title, said: "Mean distance of a sample to the nearest of the subset (low is good)", lines: [{ name: "the subset", dashed: false, sizes, values: sizes.map((n) => 0.6 / Math.sqrt(n)) }, { name: "random subsets", dashed: true, sizes, values: sizes.map((n) => 0.8 / Math.sqrt(n)) }] });
const clusters = (from: number) => Array.from({ length: 4 }, (_, i) => ({ cluster: from + i, text: `${i} of ${60 - 7 * i} chosen; random: ${(6 - 0.7 * i).toFixed(1)}`, pictures: pictures(from + i).slice(0, 4).map(({ id, path }) => ({ id, path, caption: "" })) }));
const names = ["zero", "one", "two", "three", "four", "a class with a long name", "six", "seven", "eight", "nine"];
const titles = ["Mean distance", "Rare clusters", "Balanced accuracy"];
const cells = (values: string[], verdict: Verdict) => values.map((text) => ({ text, verdict }));

export const report: ReportData = {
  advice: null, showing: null,
  reports: { titles, rows: [{ key: "report", subset: "subset_selected", size: "180", when: "just now", open: true, cells: cells(["0.0713", "0.917", "0.928"], "better") }] },
  page: {
    key: "report", subset: "subset_selected", headline: "subset_selected: better than random in 6 of 9 measures", said: "report · just now · 5 random subsets of 180 samples", stale: null, other: null,
    measures, curves: [curve("mean_distance", "Mean distance"), curve("rare_clusters", "Rare clusters")],
    by_size: [{ label: "20 clusters of 3 to 9", touched: 0.917, random: 0.415 }, { label: "20 clusters of 10 to 40", touched: 1, random: 0.883 }, { label: "20 clusters of 41 to 121", touched: 1, random: 1 }],
    classes: { rows: names.map((name, i) => ({ name, n: 9 + 2 * i - (i === 5 ? 19 : 0), subset: i === 5 ? 0 : (9 + 2 * i) / 180, set: 0.1, said: `${i === 5 ? 0 : 9 + 2 * i} of 180` })), hidden: "12 smaller classes are not shown" },
    clusters: [
      { kind: "missed", title: "Missed", said: "The largest clusters without a sample in the subset", rows: [{ cluster: 3, text: "0 of 121 chosen; random: 12.1", pictures: [{ id: "x", path: "missing.png", caption: "" }, { id: "m", path: drawn("8", 200), caption: "" }] }] },
      { kind: "sparse", title: "Sparse", said: "The clusters whose samples are least alike", rows: clusters(10) },
    ],
  },
};

export const reports: ReportData = {
  ...report,
  showing: { event: "show_cluster", column: "", value: 11, text: "The grid shows cluster 11: 53 samples" },
  reports: { titles, rows: [...report.reports!.rows, { key: "report_2", subset: "a_tag_of_my_own_with_a_long_name", size: "1,200", when: "yesterday", open: false, cells: cells(["0.124", "–", "0.871"], "worse") }] },
  page: { ...report.page!, stale: "3 samples were added.", other: { key: "report_2", subset: "a_tag_of_my_own_with_a_long_name" }, measures: measures.map((row, i) => ({ ...row, other: i === 1 ? null : "0.124", other_place: i === 1 ? null : 0.05 })) },
};

export const unreported: ReportData = {
  advice: { title: "There is no report yet", text: "Measure your subset against random ones of the same size: what it covers, and what it misses.", action: { label: "Report on a subset", event: "run_method", params: { method: "report" } } },
};
