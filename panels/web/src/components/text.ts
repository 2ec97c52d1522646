// Numbers and media addresses, the one way all components write them.

/** Where the App's own server hands out an image file; root-relative, so that it works behind any host name. */
export const mediaUrl = (path: string): string => `/media?filepath=${encodeURIComponent(path)}`;

/** 1797 → "1,797". */
export const count = (n: number): string => n.toLocaleString("en-US");

/** A score with as many digits as a reader can use: 0.1234 → "0.123", 1234.5 → "1,235", 0.00012 → "1.2e-4". */
export function score(value: number): string {
  const size = Math.abs(value);
  if (size >= 100 || Number.isInteger(value)) return Math.round(value).toLocaleString("en-US");
  return size < 0.001 ? value.toExponential(1) : value.toPrecision(3);
}
