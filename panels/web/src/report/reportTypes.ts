// What the Curation Report's Python side sends (panels/report/panel.py and report_view.py build it, key for key).
import type { Advice, CurveData, Picture, Showing } from "../types";

export type Verdict = "better" | "worse" | "alike";

export interface ReportHistory {
  titles: string[];
  rows: {
    key: string;
    subset: string;
    size: string;
    when: string;
    open: boolean;
    cells: { text: string; verdict: Verdict }[];
  }[];
}

/** A measure; places run from 0, the worst value shown, to 1, the best. */
export interface MeasureRow {
  name: string;
  title: string;
  said: string;
  value: string;
  random: string;
  verdict: Verdict;
  place: number;
  random_places: number[];
  other: string | null;
  other_place: number | null;
}

export interface ReportPage {
  key: string;
  subset: string;
  headline: string;
  said: string;
  stale: string | null;
  other: { key: string; subset: string } | null;
  measures: MeasureRow[];
  curves: CurveData[];
  by_size: { label: string; touched: number; random: number }[];
  classes: { rows: { name: string; n: number; subset: number; set: number; said: string }[]; hidden: string | null } | null;
  clusters: { kind: string; title: string; said: string; rows: { cluster: number; text: string; pictures: Picture[] }[] }[];
}

export interface ReportData {
  advice?: Advice | null;
  showing?: Showing | null;
  reports?: ReportHistory | null;
  page?: ReportPage | null;
}
