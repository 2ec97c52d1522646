// Colors that mean something, as text that can be read on the App's ground in both themes (WCAG AA).
import type { Theme } from "@mui/material";

export const tone =
  (name: "error" | "success" | "warning" | "info" | "primary") =>
  ({ palette }: Theme): string =>
    palette.mode === "dark" ? palette[name].light : name === "warning" ? "#9c3f00" : palette[name].dark; // its own is too light
