// What the Python side of the panels sends (panels/curation/home.py, run_page.py, review.py and what they use build it, key for key).

export interface Picture {
  id: string;
  path: string;
  caption: string;
  note?: string | null;
  /** What was decided about it, where pictures are reviewed side by side. */
  decided?: string | null;
  /** Whether a section of similar pictures, or a group of copies, begins with it. */
  begins?: boolean;
  /** Two classes that differ, where a run suggests another than the given one. */
  given?: string | null;
  suggested?: string | null;
}

/** A box in a picture: left, top, width and height, shares of its sides. */
export interface BoxInPicture {
  box: number[];
  label: string | null;
  /** Whether it is that of the object under review. */
  own?: boolean;
}

export interface Action {
  label: string;
  event: string;
  params?: Record<string, unknown>;
}

/** A sentence on what to do where there is nothing to show yet, with the button that does it. */
export interface Advice {
  title: string;
  text: string;
  action: Action | null;
}

export interface Scope {
  text: string;
  narrowed: boolean;
}

/** What the panel shows in the grid: the sentence, and the part of the page that was clicked. */
export interface Showing {
  text: string;
  event: string;
  column: string;
  value?: string | number | boolean | number[] | null;
  low?: number;
  high?: number;
  /** The class that a range of the histogram is narrowed to. */
  label?: string | null;
}

export type MethodState = "none" | "running" | "done" | "stale" | "failed";

export interface MethodRow {
  name: string;
  label: string;
  help: string;
  state: MethodState;
  said: string;
  /** Of a running one, from 0 to 1. */
  progress: number | null;
  headline: string | null;
  reason: string | null;
  key: string | null;
  others: { key: string; state: MethodState }[];
  action: Action | null;
}

export interface Stage {
  name: string;
  label: string;
  about: string;
  methods: MethodRow[];
}

/** One kind of issue as it is now. */
export interface FoundKind {
  /** Of the run that points at it. */
  key: string;
  title: string;
  severity: "serious" | "moderate" | "minor";
  /** How many there were at first; null where that is the same. */
  first: number | null;
  /** How many are left to decide about. */
  now: number;
  text: string;
  means: string;
  pictures: { id: string; path: string }[];
  /** How many were left at each check, and now. */
  curve: number[];
  stale: string | null;
  action: Action;
  look: Action | null;
}

export interface Home {
  summary: string;
  next: Advice;
  running: { key: string; label: string; said: string; share: number | null }[];
  failed: { key: string; label: string; why: string | null; actions: Action[] }[];
  /** How well the embeddings tell the classes. */
  evidence: { word: "good" | "weak" | "none"; text: string; share: number; action: Action | null } | null;
  findings: FoundKind[];
  /** What was not looked at, and why. */
  gaps: { rows: { title: string; why: string }[]; action: Action } | null;
  won: { text: string; first: string | null; now: string; interval: string; curve: number[]; action: Action } | null;
  history: { when: string; text: string }[];
  stages: Stage[];
  /** What can be done with the samples, beside the methods. */
  acts: { help: string; action: Action }[];
  poll: number | null;
}

export interface HistogramData {
  edges: number[];
  counts: number[];
  low: string;
  high: string;
  /** The same, class by class, the largest class first. */
  classes: { name: string; counts: number[] }[];
  hidden: string | null;
  missing: string | null;
}

export interface Score {
  column: string;
  title: string;
  said: string;
  histogram: HistogramData | null;
}

export interface End {
  which: "best" | "worst" | "chosen";
  title: string;
  said: string;
  pictures: Picture[];
  page: number;
  more: boolean;
}

export interface Row {
  value: string | number | boolean | null;
  label: string;
  n: number;
  id: string | null;
  path: string | null;
  note: string | null;
  mean: number | null;
  /** A share per further column of the list. */
  more?: (number | null)[];
}

export interface Listing {
  column: string;
  title: string;
  said: string;
  rows: Row[];
  hidden: string | null;
  size: string;
  mean: string | null;
  /** Further columns of shares, each with its heading and what it means. */
  more?: { title: string; said: string }[];
  /** The panel's method that shows a row in the grid. */
  event: string;
}

/** How many samples have which given label and which class by the run. */
export interface MatrixData {
  title: string;
  said: string;
  classes: string[];
  /** A row per given class, a number per class by the run. */
  cells: number[][];
  row_title: string;
  column_title: string;
  hidden: string | null;
  /** How many there are of which true class, as the run estimates over all that it read. */
  estimated: number[][] | null;
}

/** Two scores against each other: how many samples lie in each cell, and in each of four quadrants. */
export interface QuadrantData {
  title: string;
  said: string;
  across: number[];
  up: number[];
  /** A row per cell along `up`, from the lowest. */
  cells: number[][];
  split: [number, number];
  x_title: string;
  y_title: string;
  /** In reading order: low and high x of the high y, then of the low y. */
  quadrants: { name: string; title: string; said: string; n: number }[];
}

/** Values over sizes; with intervals where it was measured on few. */
export interface CurveLine {
  name: string;
  dashed: boolean;
  sizes: number[];
  values: number[];
  low?: number[];
  high?: number[];
}

/** A figure over the number of samples, for one or more things that are compared. */
export interface CurveData {
  name: string;
  title: string;
  said: string;
  lines: CurveLine[];
}

export interface Fact {
  label: string;
  value: string;
}

/** How far a running run is. */
export interface RunProgress {
  share: number | null;
  said: string;
  /** Seconds after which to ask again. */
  poll: number;
}

export interface RunPage {
  key: string;
  label: string;
  state: MethodState;
  said: string;
  progress?: RunProgress | null;
  headline: string | null;
  reason: string | null;
  about: string;
  note: string | null;
  actions: Action[];
  scores: { column: string; title: string }[];
  score: Score | null;
  ends: End[];
  matrix: MatrixData | null;
  quadrants: QuadrantData | null;
  curve: CurveData | null;
  lists: Listing[];
  /** Of a check: what it found, kind by kind, as it is now. */
  kinds?: FoundKind[];
  facts: Fact[];
  settings: Fact[];
}

export interface CurationData {
  advice?: Advice | null;
  scope?: Scope | null;
  showing?: Showing | null;
  home?: Home | null;
  page?: RunPage | null;
  /** Of the running run of that key, newer than what its page says. */
  progress?: (RunProgress & { key: string }) | null;
}

/** Pictures to compare the reviewed one with. */
export interface Alike {
  title: string;
  pictures: Picture[];
}

export interface ReviewCard {
  id: string;
  path: string;
  name: string;
  given: string | null;
  /** Another class than the given one, where the run suggests one. */
  suggested: string | null;
  agrees: boolean;
  /** How probably the suggested class is right, in words. */
  chance: string | null;
  /** The next class to think of. */
  second: string | null;
  /** Boxes in the picture, and classes that other fields give it. */
  boxes: BoxInPicture[];
  labels: { field: string; label: string }[];
  /** Why the file cannot be read, or not to its end. */
  problem?: string | null;
  facts: Fact[];
  decided: string | null;
  /** Which run its scores come from. */
  origin: string;
  alike: Alike[];
  compare: Compare | null;
}

/** Copies side by side. */
export interface Compare {
  members: { id: string; path: string; name: string; keep: boolean; decided: string | null }[];
  rows: { label: string; values: string[]; differs: boolean }[];
  proposal: string | null;
  hidden: string | null;
}

/** Many pictures of the queue, to be decided in ranges. */
export interface Batch {
  pictures: Picture[];
  text: string;
  /** First pictures of the pages before and after. */
  previous: string | null;
  more: string | null;
}

export interface ReviewProgress {
  done: number;
  total: number;
  text: string;
  place: string;
}

export interface ReviewData {
  advice?: Advice | null;
  sources?: { key: string; label: string; said: string }[];
  source?: string | null;
  scope?: string;
  progress?: ReviewProgress | null;
  card?: ReviewCard | null;
  batch?: Batch | null;
  mode?: "card" | "batch";
  finished?: Advice | null;
  classes?: string[];
  reasons?: string[];
  /** The decision that undo would take back. */
  undo?: string | null;
  /** The last decisions of this review. */
  done?: { key: string; text: string; by: string }[];
  /** How many suggestions are sure enough to be accepted in one go. */
  sure?: number;
  /** What that would accept, while it is looked at. */
  preview?: { n: number; at_least: number; pictures: Picture[] } | null;
  /** What two people decided differently. */
  differ?: string[];
  /** How many somebody selected to be reviewed, instead of the queue. */
  these?: number | null;
  wanted_ids?: string[] | null;
  /** Who decides, where he has said so. */
  author?: string | null;
  /** What the last event did. */
  said?: string | null;
  /** Whether a class that no label has yet is meant, and the one that may be. */
  asks?: { label: string; meant: string | null; asked: string } | null;
  /** Changes with every answer. */
  stamp?: string;
  /** The picture that comes next, to be fetched ahead. */
  next?: string | null;
  in_grid?: boolean;
  /** The run that another panel asks to review. */
  wanted?: string | null;
  /** Samples selected in the grid. */
  selected?: number;
}

/** Runs a method of the Python panel. */
export type Send = (event: string, params?: Record<string, unknown>) => void;

/** A call at work, or one that has ended lately (operators/jobs.py). */
export interface Job {
  key: string;
  label: string;
  state: "running" | "done" | "failed" | "cancelled";
  /** The headline, or the error. */
  said: string;
  share: number | null;
  doing: string;
  /** How long the step still takes, in words. */
  left: string;
  stopping: boolean;
  operator: string | null;
  params: Record<string, unknown>;
}

/** What an operator tells the App (operators/announce.py). */
export interface Line {
  text: string;
  variant: "success" | "info" | "error";
  does?: { label: string; operator: string; params: Record<string, unknown>; prompt?: boolean } | null;
  /** A call at work that is to be followed. */
  job?: string;
  /** A call that has ended, and is told by this line. */
  ended?: string;
  /** Whether something was decided. */
  decided?: boolean;
  /** Samples or objects to review. */
  review?: string[];
}
