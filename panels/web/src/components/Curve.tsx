// A figure over the size of a subset: the subset's line, and dashed that of random ones. Pointing at it reads it off.
import * as React from "react";
import { Box, Typography, useTheme } from "@mui/material";
import type { CurveData } from "../reportTypes";
import { count, score } from "./text";

const HEIGHT = 150;
const TOP = 8;
const BOTTOM = 132;

export function Curve({ data }: { data: CurveData }) {
  const { palette } = useTheme();
  const [at, setAt] = React.useState<number | null>(null);
  const box = React.useRef<HTMLDivElement | null>(null);
  const { sizes } = data;
  const all = [...data.subset, ...data.random];
  const low = Math.min(...all);
  const high = Math.max(...all);
  const x = (index: number) => (100 * (sizes[index] - sizes[0])) / Math.max(1, sizes[sizes.length - 1] - sizes[0]);
  const y = (value: number) => TOP + (BOTTOM - TOP) * (1 - (value - low) / (high - low || 1));
  const line = (values: number[]) => values.map((value, index) => `${x(index)},${y(value)}`).join(" ");
  const look = (event: React.PointerEvent) => {
    const { left, width } = box.current!.getBoundingClientRect();
    const share = (100 * (event.clientX - left)) / Math.max(1, width);
    setAt(sizes.reduce((best, _, index) => (Math.abs(x(index) - share) < Math.abs(x(best) - share) ? index : best), 0));
  };
  return (
    <Box>
      <Box sx={{ display: "flex", gap: 1 }}>
        <Box sx={{ display: "flex", flexDirection: "column", justifyContent: "space-between", height: BOTTOM + 6, fontSize: 12, color: "text.secondary" }}>
          <span>{score(high)}</span>
          <span>{score(low)}</span>
        </Box>
        <Box ref={box} onPointerMove={look} onPointerLeave={() => setAt(null)} sx={{ flex: 1, minWidth: 0 }}>
          <svg viewBox={`-1 0 102 ${HEIGHT}`} width="100%" height={HEIGHT} preserveAspectRatio="none" role="img" aria-label={`${data.title} over the size of the subset`}>
            <polyline points={line(data.random)} fill="none" stroke={palette.text.secondary} strokeDasharray="4 3" vectorEffect="non-scaling-stroke" />
            <polyline points={line(data.subset)} fill="none" stroke={palette.primary.main} strokeWidth={2} vectorEffect="non-scaling-stroke" />
            {at !== null && <line x1={x(at)} x2={x(at)} y1={TOP} y2={BOTTOM} stroke={palette.divider} vectorEffect="non-scaling-stroke" />}
          </svg>
        </Box>
      </Box>
      <Typography variant="caption" component="div" color="text.secondary" sx={{ minHeight: "1.7em" }}>
        {at === null
          ? `${count(sizes[0])} to ${count(sizes[sizes.length - 1])} samples; dashed: random subsets`
          : `${count(sizes[at])} samples: ${score(data.subset[at])}, random ${score(data.random[at])}`}
      </Typography>
    </Box>
  );
}
