// A figure over the size of what it was measured on: one or more lines, dashed where chance drew them. Pointing reads them off.
import * as React from "react";
import { Box, Typography, useTheme } from "@mui/material";
import type { CurveData, CurveLine } from "../types";
import { classColor } from "./palette";
import { count, score } from "./text";

const HEIGHT = 150;
const TOP = 8;
const BOTTOM = 132;
const SLOTS = [1, 0, 2, 4]; // of the classes' colors: orange, as the panels' own, then what differs most from it

const nearest = (sizes: number[], n: number) => sizes.reduce((best, size, at) => (Math.abs(size - n) < Math.abs(sizes[best] - n) ? at : best), 0);

export function Curve({ data }: { data: CurveData }) {
  const { palette } = useTheme();
  const [at, setAt] = React.useState<number | null>(null);
  const box = React.useRef<HTMLDivElement | null>(null);
  const { lines } = data;
  const sizes = lines.flatMap((line) => line.sizes);
  const values = lines.flatMap((line) => [...line.values, ...(line.low ?? []), ...(line.high ?? [])]);
  const [first, last] = [Math.min(...sizes), Math.max(...sizes)];
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const x = (n: number) => (100 * (n - first)) / Math.max(1, last - first);
  const y = (value: number) => TOP + (BOTTOM - TOP) * (1 - (value - low) / (high - low || 1));
  const solid = lines.filter((line) => !line.dashed);
  const color = (line: CurveLine) => (line.dashed ? palette.text.secondary : classColor(SLOTS[solid.indexOf(line) % SLOTS.length], palette.mode));
  const look = (event: React.PointerEvent) => {
    const { left, width } = box.current!.getBoundingClientRect();
    const n = first + ((last - first) * (event.clientX - left)) / Math.max(1, width);
    setAt(sizes[nearest(sizes, n)]);
  };
  return (
    <Box>
      <Box sx={{ display: "flex", gap: 1 }}>
        <Box sx={{ display: "flex", flexDirection: "column", justifyContent: "space-between", height: BOTTOM + 6, fontSize: 12, color: "text.secondary" }}>
          <span>{score(high)}</span>
          <span>{score(low)}</span>
        </Box>
        <Box ref={box} onPointerMove={look} onPointerLeave={() => setAt(null)} sx={{ flex: 1, minWidth: 0 }}>
          <svg viewBox={`-1 0 102 ${HEIGHT}`} width="100%" height={HEIGHT} preserveAspectRatio="none" role="img" aria-label={`${data.title} over the number of samples`}>
            {lines.map((line) => (
              <Drawn key={line.name} line={line} x={x} y={y} color={color(line)} />
            ))}
            {at !== null && <line x1={x(at)} x2={x(at)} y1={TOP} y2={BOTTOM} stroke={palette.divider} vectorEffect="non-scaling-stroke" />}
          </svg>
        </Box>
      </Box>
      <Typography variant="caption" component="div" color="text.secondary">
        {`${count(first)} to ${count(last)} samples`}
      </Typography>
      <Box sx={{ display: "flex", flexWrap: "wrap", columnGap: 1.5 }}>
        {lines.map((line) => (
          <Typography key={line.name} variant="caption" color="text.secondary">
            <Box component="span" sx={{ color: color(line), fontWeight: 700 }}>
              {line.dashed ? "┄ " : "━ "}
            </Box>
            {line.name}
            {reading(line, at)}
          </Typography>
        ))}
      </Box>
    </Box>
  );
}

/** What a line says where one points, or at its end: with how many samples, and its interval where it has one. */
function reading(line: CurveLine, at: number | null): string {
  const index = at === null ? line.sizes.length - 1 : nearest(line.sizes, at);
  const interval = line.low && line.high ? ` (${score(line.low[index])} to ${score(line.high[index])})` : "";
  return `: ${score(line.values[index])}${interval} with ${count(line.sizes[index])}`;
}

function Drawn({ line, x, y, color }: { line: CurveLine; x: (n: number) => number; y: (value: number) => number; color: string }) {
  const points = line.sizes.map((n, index) => `${x(n)},${y(line.values[index])}`).join(" ");
  const [from, to] = [line.low ?? [], line.high ?? []];
  return (
    <g stroke={color} fill="none">
      {line.sizes.length > 1 && <polyline points={points} strokeWidth={line.dashed ? 1 : 2} strokeDasharray={line.dashed ? "4 3" : undefined} vectorEffect="non-scaling-stroke" />}
      {from.map((low, index) => (
        <line key={index} x1={x(line.sizes[index])} x2={x(line.sizes[index])} y1={y(low)} y2={y(to[index])} opacity={0.45} vectorEffect="non-scaling-stroke" />
      ))}
      {line.sizes.length === 1 && <line x1={x(line.sizes[0]) - 1} x2={x(line.sizes[0]) + 1} y1={y(line.values[0])} y2={y(line.values[0])} strokeWidth={3} vectorEffect="non-scaling-stroke" />}
    </g>
  );
}
