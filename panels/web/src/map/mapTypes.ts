// What the Curation Map's Python side sends (panels/map/panel.py builds it, key for key). Arrays come as base64 of their bytes.
import type { Advice, Fact } from "../types";

/** Points to draw: places are Uint16 shares of the map's side, `dims` to a point. */
export interface Plot {
  /** Events about the place of a point in this choice of points bring it along. */
  token: string;
  dims: 2 | 3;
  n: number;
  positions: string;
  /** Tiles with points that are not drawn: their middles as above, and a byte of how many. */
  hidden: { positions: string; strengths: string } | null;
}

export interface Ramp {
  low: string;
  high: string;
  missing: string | null;
}

export type ClassValue = string | number | boolean;

export interface ClassLegend {
  rows: { slot: number; label: string; value: ClassValue | null; n: number | null }[];
  /** All classes, to choose those with a color of their own; empty where there is nothing to choose. */
  classes: { label: string; value: ClassValue; n: number; on: boolean }[];
  most: number;
}

export type Coloring =
  | { kind: "none"; path: string; codes: null; title: string; said: string; legend: null }
  | { kind: "numbers"; path: string; codes: string; title: string; said: string; legend: Ramp | null }
  | { kind: "classes"; path: string; codes: string; title: string; said: string; legend: ClassLegend };

export interface Sizing {
  path: string;
  title: string;
  codes: string;
  legend: Ramp | null;
}

export interface MapField {
  path: string;
  label: string;
  /** The name where its group does not stand above it. */
  title: string;
  group: string;
  /** Whether it can size points too. */
  sizes: boolean;
}

export interface MapSample {
  index: number;
  token: string;
  id: string;
  path: string;
  name: string;
  label: string | null;
  facts: Fact[];
  decided: string | null;
}

export interface Chosen {
  n: number;
  text: string;
  /** The shape that was drawn, on a map in the plane. */
  corners: [number, number][] | null;
  /** Or the class of the legend. */
  value: ClassValue | null;
  /** Whether the grid can show them. */
  fits: boolean;
}

export interface MapData {
  advice?: Advice | null;
  maps?: { key: string; label: string }[];
  map?: string;
  plot?: Plot | null;
  drawn?: string;
  quality?: (Fact & { help: string })[];
  stale?: string | null;
  narrowed?: boolean;
  fields?: MapField[];
  color?: Coloring | null;
  size?: Sizing | null;
  /** A bit for each point that stands out; all do when there is none. */
  lit?: string | null;
  scope?: string;
  chosen?: Chosen | null;
  in_grid?: boolean;
  /** The sample under the pointer, and the one shown large. */
  pointed?: MapSample | null;
  point?: MapSample | null;
  said?: string | null;
  undo?: string | null;
  stamp?: string;
}
