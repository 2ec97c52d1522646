// Numbers and media addresses, the one way all components write them.

/** Where the App's own server hands out an image file; root-relative, so that it works behind any host name. */
export const mediaUrl = (path: string): string => `/media?filepath=${encodeURIComponent(path)}`;

/** 1797 → "1,797". */
export const count = (n: number): string => n.toLocaleString("en-US");

/**
 * A score with as many digits as a reader can use: 0.1234 → "0.123", 1234.5 → "1,235", 0.00012 → "< 0.001"; beside other
 * small ones, as `scale` tells, small ones count.
 */
export function score(value: number, scale = 1): string {
  const size = Math.abs(value);
  if (size >= 100 || Number.isInteger(value)) return Math.round(value).toLocaleString("en-US");
  if (size < (scale >= 0.01 ? 0.001 : scale / 1000)) return value > 0 ? "< 0.001" : "> -0.001";
  return size >= 0.001 || size < 1e-6 ? value.toPrecision(3) : value.toFixed(1 - Math.floor(Math.log10(size)));
}
