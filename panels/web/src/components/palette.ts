// Colors of classes and numbers that can be told apart on a dark and on a light ground; and the bytes that name them.

/** Codes behind the classes' own 20 colors, and of a point without a number; panels/map/colors.py uses the same. */
export const OTHER = 20;
export const SEVERAL = 21;
export const NONE = 22;
export const LAST = 250;
export const NO_NUMBER = 255;

const CLASSES = [
  "#4e8fd0", "#f28e2b", "#4fae4e", "#e15759", "#b07aa1", "#25b3a8", "#edc948", "#ff7fb0", "#a5744f", "#8c8cf0",
  "#9ccbf2", "#c98500", "#a5d86e", "#ff9d8a", "#d2a8ff", "#0f8f6f", "#b8a800", "#c2185b", "#d7b5a6", "#5566cc",
];
// viridis (Smith & van der Walt, CC0), without the ends that vanish into a dark or a light ground
const RAMP = {
  dark: ["#4f6bb0", "#3f7f9c", "#33948c", "#2fa981", "#4fbf6f", "#86d04f", "#c4dd3a", "#fde725"],
  light: ["#440154", "#46327e", "#365c8d", "#277f8e", "#1fa187", "#4ac16d", "#8bbf2b", "#b8a800"],
};

export type Mode = "dark" | "light";
type Rgb = [number, number, number];

const rgb = (hex: string): Rgb => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)) as Rgb;

export function classColor(slot: number, mode: Mode): string {
  if (slot < CLASSES.length) return CLASSES[slot];
  if (slot === SEVERAL) return mode === "dark" ? "#e8e8e8" : "#303030";
  return slot === OTHER ? "#8f8f8f" : mode === "dark" ? "#5c5c5c" : "#bdbdbd";
}

export const rampCss = (mode: Mode): string => `linear-gradient(to right, ${RAMP[mode].join(", ")})`;

/** Four bytes for each code: red, green, blue, opacity. */
export function colorsOf(codes: Uint8Array | null, n: number, kind: "none" | "numbers" | "classes", mode: Mode, plain: string): Uint8Array {
  const table = new Uint8Array(256 * 4);
  for (let code = 0; code < 256; code++) {
    const [r, g, b] = kind === "none" || !codes ? rgb(plain) : kind === "classes" ? rgb(classColor(code, mode)) : rampColor(code, mode);
    table.set([r, g, b, 255], 4 * code);
  }
  const colors = new Uint8Array(4 * n);
  for (let i = 0; i < n; i++) {
    const at = 4 * (codes ? codes[i] : 0);
    colors.set(table.subarray(at, at + 4), 4 * i);
  }
  return colors;
}

function rampColor(code: number, mode: Mode): Rgb {
  if (code > LAST) return rgb(classColor(NONE, mode));
  const stops = RAMP[mode];
  const place = (code / LAST) * (stops.length - 1);
  const low = Math.min(stops.length - 2, Math.floor(place));
  const [a, b] = [rgb(stops[low]), rgb(stops[low + 1])];
  return a.map((one, i) => Math.round(one + (b[i] - one) * (place - low))) as Rgb;
}

export function bytes(text: string): Uint8Array {
  const raw = atob(text);
  const array = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) array[i] = raw.charCodeAt(i);
  return array;
}

/** Places as three numbers each; on a plane the third is 0. */
export function placesOf(text: string, dims: number): Float32Array {
  const raw = bytes(text);
  const n = raw.length / 2 / dims;
  const places = new Float32Array(3 * n);
  for (let i = 0; i < n; i++) {
    for (let axis = 0; axis < dims; axis++) {
      const at = 2 * (i * dims + axis);
      places[3 * i + axis] = (raw[at] + 256 * raw[at + 1]) / 65535;
    }
  }
  return places;
}

/** A byte for each bit. */
export function flagsOf(text: string | null, n: number): Uint8Array {
  const flags = new Uint8Array(n);
  if (text === null) return flags.fill(1);
  const raw = bytes(text);
  for (let i = 0; i < n; i++) flags[i] = (raw[i >> 3] >> (i & 7)) & 1;
  return flags;
}
