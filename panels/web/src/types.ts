// Made by `make web` from the payloads that the Python side declares (panels/*/payloads.py); edit those instead.

/** Values over sizes; with intervals where it was measured on few. */
export interface CurveLine {
  name: string;
  /** Whether it is only there to compare with, such as what chance gives. */
  dashed: boolean;
  /** Ascending. */
  sizes: number[];
  values: number[];
  /** Of the intervals, one of each per value. */
  low?: number[];
  /** Of the intervals, one of each per value. */
  high?: number[];
}

/** A picture with a line below it. */
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
  /** Two classes that differ, where a run suggests another than the given one. */
  suggested?: string | null;
}

/** A picture without a word. */
export interface Small {
  id: string;
  path: string;
}

/** A button. */
export interface Action {
  label: string;
  /** The panel's method that it calls. */
  event: string;
  params?: Record<string, unknown>;
}

/** A sentence on what to do where there is nothing to show yet, with the button that does it. */
export interface Advice {
  title: string;
  text: string;
  action: Action | null;
}

/** Which samples the figures are about. */
export interface ScopeText {
  text: string;
  narrowed: boolean;
}

/** What the panel shows in the grid: the sentence, and the part of the page that was clicked. */
export interface Showing {
  text: string;
  event: string;
  column?: string;
  value?: string | number | boolean | number[] | null;
  /** Of a range of the histogram. */
  low?: number;
  /** Of a range of the histogram. */
  high?: number;
  /** The largest value inside it. */
  last?: number | null;
  /** The class that it is narrowed to. */
  label?: string | null;
  /** What one of the grid's items is. */
  word?: string;
}

/** A line of a table. */
export interface Fact {
  label: string;
  value: string;
}

/** A figure over the number of samples, for one or more things that are compared. */
export interface CurveData {
  name: string;
  title: string;
  said: string;
  lines: CurveLine[];
}

export type Severity = "serious" | "moderate" | "minor";

export type Strength = "good" | "weak" | "none";

export type Which = "worst" | "best" | "chosen";

export type MethodState = "none" | "running" | "done" | "stale" | "failed";

/** An earlier run of a method. */
export interface OtherRun {
  key: string;
  state: MethodState;
}

/** A method with its newest run. */
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
  others: OtherRun[];
  action: Action | null;
}

/** A stage of curating with its methods. */
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
  severity: Severity;
  /** How many there were at first; null where that is the same. */
  first: number | null;
  /** How many are left to decide about. */
  now: number;
  text: string;
  means: string;
  pictures: Small[];
  /** How many were left at each check, and now. */
  curve: number[];
  stale: string | null;
  action: Action;
  look: Action | null;
}

/** A run that is going on. */
export interface Going {
  key: string;
  label: string;
  said: string;
  share: number | null;
}

/** A run that failed or was cancelled, and why. */
export interface Failed {
  key: string;
  label: string;
  why: string | null;
  actions: Action[];
}

/** How well the embeddings tell the classes. */
export interface EvidenceCard {
  word: Strength;
  text: string;
  share: number;
  action: Action | null;
}

/** What was not looked at, and why. */
export interface Gap {
  title: string;
  why: string;
}

/** Everything that was not looked at. */
export interface Gaps {
  rows: Gap[];
  action: Action;
}

/** Accuracy of a simple classifier, now against at first. */
export interface Won {
  text: string;
  first: string | null;
  now: string;
  interval: string;
  curve: number[];
  action: Action;
}

/** A check in the history. */
export interface HistoryLine {
  when: string;
  text: string;
}

/** What can be done with the samples, beside the methods. */
export interface Act {
  help: string;
  action: Action;
}

/** The one thing to do next. */
export interface Step {
  title: string;
  text: string;
  action: Action | null;
  /** The state of the dataset that it follows from. */
  state: string;
}

/** The panel's first page. */
export interface Home {
  summary: string;
  next: Step;
  running: Going[];
  failed: Failed[];
  evidence: EvidenceCard | null;
  findings: FoundKind[];
  gaps: Gaps | null;
  won: Won | null;
  history: HistoryLine[];
  stages: Stage[];
  acts: Act[];
  /** Seconds after which to ask again. */
  poll: number | null;
}

/** The counts of one class. */
export interface ClassHistogram {
  name: string;
  counts: number[];
}

/** How many samples have which value. */
export interface HistogramData {
  edges: number[];
  counts: number[];
  low: string;
  high: string;
  /** The same, class by class, the largest class first. */
  classes: ClassHistogram[];
  hidden: string | null;
  missing: string | null;
}

/** A score that can be chosen. */
export interface ScoreName {
  column: string;
  title: string;
}

/** The chosen score. */
export interface Score {
  column: string;
  title: string;
  said: string;
  histogram: HistogramData | null;
}

/** Pictures from one end of a score. */
export interface End {
  which: Which;
  title: string;
  said: string;
  pictures: Picture[];
  page: number;
  more: boolean;
}

/** A row of a list. */
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

/** A further column of a list, with what it means. */
export interface Heading {
  title: string;
  said: string;
}

/** Groups or classes with their sizes. */
export interface Listing {
  column: string;
  title: string;
  said: string;
  rows: Row[];
  hidden: string | null;
  size: string;
  mean: string | null;
  /** Further columns of shares. */
  more?: Heading[];
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

/** One quadrant. */
export interface Quarter {
  name: string;
  title: string;
  said: string;
  n: number;
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
  quadrants: Quarter[];
}

/** How far a running run is. */
export interface RunProgress {
  share: number | null;
  said: string;
  /** Seconds after which to ask again. */
  poll: number;
}

/** The same, of the run of a key: newer than what its page says. */
export interface KeyedProgress {
  share: number | null;
  said: string;
  poll: number;
  key: string;
}

/** The page of a run. */
export interface RunPage {
  key: string;
  label: string;
  state: MethodState;
  said: string;
  progress: RunProgress | null;
  headline: string | null;
  reason: string | null;
  about: string;
  note: string | null;
  actions: Action[];
  scores: ScoreName[];
  score: Score | null;
  ends: End[];
  matrix: MatrixData | null;
  quadrants: QuadrantData | null;
  curve: CurveData | null;
  lists: Listing[];
  /** Of a check: what it found, kind by kind, as it is now. */
  kinds: FoundKind[];
  facts: Fact[];
  settings: Fact[];
}

/** All that the panel's view knows. */
export interface CurationData {
  advice?: Advice | null;
  scope?: ScopeText | null;
  showing?: Showing | null;
  home?: Home | null;
  page?: RunPage | null;
  progress?: KeyedProgress | null;
}

export type Mode = "card" | "batch";

/** A box in a picture. */
export interface BoxInPicture {
  /** Left, top, width and height, shares of its sides. */
  box: number[];
  label: string | null;
  /** Whether it is that of the object under review. */
  own?: boolean;
}

/** The class that another field gives a sample. */
export interface OtherLabel {
  field: string;
  label: string;
}

/** Pictures to compare the reviewed one with. */
export interface Alike {
  title: string;
  pictures: Picture[];
}

/** One of several copies. */
export interface Copy {
  id: string;
  path: string;
  name: string;
  /** Whether it is proposed to be kept. */
  keep: boolean;
  decided: string | null;
}

/** One property of all copies. */
export interface Compared {
  label: string;
  values: string[];
  differs: boolean;
}

/** Copies side by side. */
export interface Compare {
  members: Copy[];
  rows: Compared[];
  proposal: string | null;
  hidden: string | null;
}

/** One sample or object with everything that is needed to decide. */
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
  boxes: BoxInPicture[];
  labels: OtherLabel[];
  /** Why the file cannot be read, or not to its end. */
  problem?: string | null;
  facts: Fact[];
  decided: string | null;
  /** Which run its scores come from. */
  origin: string;
  alike: Alike[];
  compare: Compare | null;
}

/** Many pictures of the queue, to be decided in ranges. */
export interface Batch {
  pictures: Picture[];
  text: string;
  /** First pictures of the pages before and after. */
  previous: string | null;
  /** First pictures of the pages before and after. */
  more: string | null;
}

/** How far the review is. */
export interface ReviewProgress {
  done: number;
  total: number;
  text: string;
  place: string;
}

/** A run that can be reviewed. */
export interface SourceChoice {
  key: string;
  label: string;
  said: string;
}

/** A decision of this review. */
export interface DoneLine {
  key: string;
  text: string;
  by: string;
}

/** What would be accepted in one go. */
export interface Preview {
  n: number;
  at_least: number;
  pictures: Picture[];
}

/** A class that no label has yet, the one that may be meant, and a stamp of the question. */
export interface NewClass {
  label: string;
  meant: string | null;
  asked: string;
}

/** All that the panel's view knows. */
export interface ReviewData {
  advice?: Advice | null;
  sources?: SourceChoice[];
  source?: string | null;
  scope?: string;
  progress?: ReviewProgress | null;
  card?: ReviewCard | null;
  batch?: Batch | null;
  mode?: Mode;
  finished?: Advice | null;
  classes?: string[];
  reasons?: string[];
  /** The decision that undo would take back. */
  undo?: string | null;
  /** The last decisions of this review. */
  done?: DoneLine[];
  /** How many suggestions are sure enough to be accepted in one go. */
  sure?: number;
  /** What that would accept, while it is looked at. */
  preview?: Preview | null;
  /** What two people decided differently. */
  differ?: string[];
  /** How many somebody selected to be reviewed, instead of the queue. */
  these?: number | null;
  wanted_ids?: string[] | null;
  /** Who decides, where he has said so. */
  author?: string | null;
  /** What the last event did. */
  said?: string | null;
  /** Whether a class that no label has yet is meant. */
  asks?: NewClass | null;
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

export type Verdict = "better" | "worse" | "alike";

/** A measure in the history. */
export interface ReportCell {
  text: string;
  verdict: Verdict;
}

/** A report in the history. */
export interface ReportRow {
  key: string;
  subset: string;
  size: string;
  when: string;
  open: boolean;
  cells: ReportCell[];
}

/** All reports side by side. */
export interface ReportHistory {
  titles: string[];
  rows: ReportRow[];
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

/** The report beside the open one. */
export interface OtherReport {
  key: string;
  subset: string;
}

/** How many clusters of a size the subset touches, and random ones do. */
export interface SizeRow {
  label: string;
  touched: number;
  random: number;
}

/** The share of a class in the subset and in the whole set. */
export interface ClassShare {
  name: string;
  n: number;
  subset: number;
  set: number;
  said: string;
}

/** All classes. */
export interface ClassShares {
  rows: ClassShare[];
  hidden: string | null;
}

/** A cluster with its first pictures. */
export interface ClusterRow {
  cluster: number;
  text: string;
  pictures: Picture[];
}

/** Clusters of one kind. */
export interface ClusterList {
  kind: string;
  title: string;
  said: string;
  rows: ClusterRow[];
}

/** One report, with the figures of another beside it. */
export interface ReportPage {
  key: string;
  subset: string;
  headline: string;
  said: string;
  stale: string | null;
  other: OtherReport | null;
  measures: MeasureRow[];
  curves: CurveData[];
  by_size: SizeRow[];
  classes: ClassShares | null;
  clusters: ClusterList[];
}

/** All that the panel's view knows. */
export interface ReportData {
  advice?: Advice | null;
  showing?: Showing | null;
  reports?: ReportHistory | null;
  page?: ReportPage | null;
}

export type ClassValue = string | number | boolean;

/** Tiles with points that are not drawn: their middles, and a byte of how many. */
export interface Hidden {
  positions: string;
  strengths: string;
}

/** Points to draw: places are Uint16 shares of the map's side, `dims` to a point. */
export interface Plot {
  /** Events about the place of a point in this choice of points bring it along. */
  token: string;
  dims: 2 | 3;
  n: number;
  positions: string;
  hidden: Hidden | null;
}

/** A map that can be chosen. */
export interface MapName {
  key: string;
  label: string;
}

/** How far the map can be trusted, and what that means. */
export interface MapQuality {
  label: string;
  value: string;
  help: string;
}

/** The ends of a ramp of numbers. */
export interface Ramp {
  low: string;
  high: string;
  missing: string | null;
}

/** A class with its color. */
export interface LegendRow {
  slot: number;
  label: string;
  value: string | number | boolean | null;
  n: number | null;
}

/** A class that can have a color of its own. */
export interface LegendClass {
  label: string;
  value: ClassValue;
  n: number;
  on: boolean;
}

/** The colors of classes. */
export interface ClassLegend {
  rows: LegendRow[];
  /** All, to choose those with a color of their own; empty where there is nothing to choose. */
  classes: LegendClass[];
  most: number;
}

/** All points have the same color. */
export interface OneColor {
  kind: "none";
  path: string;
  codes: null;
  title: string;
  said: string;
  legend: null;
}

/** Points are colored by a number. */
export interface ByNumbers {
  kind: "numbers";
  path: string;
  codes: string;
  title: string;
  said: string;
  legend: Ramp | null;
}

/** Points are colored by class. */
export interface ByClasses {
  kind: "classes";
  path: string;
  codes: string;
  title: string;
  said: string;
  legend: ClassLegend;
}

export type Coloring = OneColor | ByNumbers | ByClasses;

/** Points are sized by a number. */
export interface Sizing {
  path: string;
  title: string;
  codes: string;
  legend: Ramp | null;
}

/** A field to color or size by. */
export interface MapField {
  path: string;
  label: string;
  /** The name where its group does not stand above it. */
  title: string;
  group: string;
  /** Whether it can size points too. */
  sizes: boolean;
}

/** The sample of a point. */
export interface PointSample {
  id: string;
  path: string;
  name: string;
  label: string | null;
  facts: Fact[];
  decided: string | null;
}

/** The same, with the place of its point. */
export interface MapSample {
  id: string;
  path: string;
  name: string;
  label: string | null;
  facts: Fact[];
  decided: string | null;
  index: number;
  token: string;
}

/** What was chosen on the map. */
export interface Chosen {
  n: number;
  text: string;
  /** The shape that was drawn, on a map in the plane. */
  corners: ([number, number])[] | null;
  /** Or the class of the legend. */
  value: string | number | boolean | null;
  /** Whether the grid can show them. */
  fits: boolean;
}

/** All that the panel's view knows. */
export interface MapData {
  advice?: Advice | null;
  maps?: MapName[];
  map?: string;
  plot?: Plot | null;
  drawn?: string;
  quality?: MapQuality[];
  stale?: string | null;
  narrowed?: boolean;
  fields?: MapField[];
  color?: OneColor | ByNumbers | ByClasses | null;
  size?: Sizing | null;
  /** A bit for each point that stands out; all do when there is none. */
  lit?: string | null;
  scope?: string;
  chosen?: Chosen | null;
  in_grid?: boolean;
  /** The sample under the pointer. */
  pointed?: MapSample | null;
  /** The one shown large. */
  point?: MapSample | null;
  said?: string | null;
  undo?: string | null;
  stamp?: string;
}

/** What is compared by, and what could be. */
export interface Choice {
  chosen: string | null;
  choices: string[];
}

/** What a run says of each sample. */
export interface Says {
  classes: string[];
  /** A row per sample, a number per class; null where the sample has none. */
  logits: (number[] | null)[];
  shown: number;
  /** Classes are judged each by itself. */
  many: boolean;
  /** What the stored logits were divided by, where that is known. */
  temperature: number | null;
}

/** All that the panel's view knows. */
export interface ComparisonData {
  advice?: Advice | null;
  pictures?: Picture[];
  hidden?: string | null;
  embeddings?: Choice;
  predictions?: Choice;
  /** Cosines of all pairs; null where one has no vector. */
  similarity?: ((number | null)[])[] | null;
  says?: Says | null;
  neighbors?: Picture[] | null;
}

export type JobState = "running" | "done" | "failed" | "cancelled";

/** A call at work, or one that has ended lately. */
export interface Job {
  key: string;
  label: string;
  state: JobState;
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

/** What a line's button does. */
export interface LineButton {
  label: string;
  operator: string;
  params: Record<string, unknown>;
  /** Whether the operator's form is opened. */
  prompt?: boolean;
}

/** A line that stays a while. */
export interface Line {
  text: string;
  variant: "success" | "info" | "error";
  does?: LineButton | null;
  /** A call at work that is to be followed. */
  job?: string;
  /** A call that has ended, and is told by this line. */
  ended?: string;
  /** Whether something was decided. */
  decided?: boolean;
  /** Samples or objects to review. */
  review?: string[];
}
