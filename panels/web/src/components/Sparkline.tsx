// A few numbers over time as a small line that ends in a dot; falling is drawn as good where less is better.
import * as React from "react";
import { Box } from "@mui/material";

interface SparklineProps {
  values: number[];
  /** What the line shows, for those who do not see it. */
  label: string;
  /** Which way is better. */
  best: "low" | "high";
}

const WIDTH = 84;
const HEIGHT = 26;
const INSET = 4;

export function Sparkline({ values, label, best }: SparklineProps) {
  if (values.length < 2) return null;
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const across = (at: number) => INSET + ((WIDTH - 2 * INSET) * at) / (values.length - 1);
  const down = (value: number) => INSET + (HEIGHT - 2 * INSET) * (most === least ? 0.5 : 1 - (value - least) / (most - least));
  const points = values.map((value, at) => `${across(at).toFixed(1)},${down(value).toFixed(1)}`).join(" ");
  const [first, last] = [values[0], values[values.length - 1]];
  const better = best === "low" ? last < first : last > first;
  const color = last === first ? "text.secondary" : better ? "success.main" : "warning.main";
  return (
    <Box component="svg" role="img" aria-label={`${label}: ${values.join(", ")}`} width={WIDTH} height={HEIGHT} sx={{ color, flexShrink: 0, display: "block" }}>
      <polyline points={points} fill="none" stroke="currentColor" strokeWidth={2} strokeLinejoin="round" strokeLinecap="round" />
      <circle cx={across(values.length - 1)} cy={down(last)} r={3} fill="currentColor" />
    </Box>
  );
}
