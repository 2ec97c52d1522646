// Numbers and media addresses, the one way all components write them.

// An object's picture is its image's file with its box behind it: file.jpg#xywh=left,top,width,height, shares of the sides.
const BOX = /#xywh=([-\d.e]+),([-\d.e]+),([-\d.e]+),([-\d.e]+)$/;

/** Where the App's own server hands out an image file; root-relative, so that it works behind any host name. */
export const mediaUrl = (path: string): string => `/media?filepath=${encodeURIComponent(path.replace(BOX, ""))}`;

/** Left, top, width and height of an object's box, shares of its picture's sides; null for a whole picture. */
export const boxOf = (path: string): number[] | null => BOX.exec(path)?.slice(1).map(Number) ?? null;

/** A share of a picture's side as CSS has it. */
export const share = (value: number): string => `${(100 * Math.min(Math.max(value, 0), 1)).toFixed(3)}%`;

/** What to show of a picture: only the object's box, where the browser can; else all of it. */
export function shownPart(path: string): { objectViewBox?: string } {
  const box = boxOf(path);
  if (!box) return {};
  const [left, top, width, height] = box;
  return { objectViewBox: `inset(${share(top)} ${share(1 - left - width)} ${share(1 - top - height)} ${share(left)})` };
}

/** 1797 → "1,797". */
export const count = (n: number): string => n.toLocaleString("en-US");

/**
 * A score with as many digits as a reader can use, never an exponent, as `core/base/number_text.py` writes them: 0.1234 → "0.123",
 * 1234.5 → "1,235", 0.00012 → "< 0.001"; beside other small ones, as `scale` tells, 0.00012 → "0.00012".
 */
export function score(value: number, scale = 1): string {
  const size = Math.abs(value);
  const least = scale >= 0.01 ? 0.001 : 0.000001;
  if (size >= 100 || Number.isInteger(value)) return Math.round(value).toLocaleString("en-US");
  if (size < least) return `${value > 0 ? "< " : "> -"}${least === 0.001 ? "0.001" : "0.000001"}`;
  return size >= 0.001 ? value.toPrecision(3) : value.toFixed(1 - Math.floor(Math.log10(size)));
}
