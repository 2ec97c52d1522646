// Two scores against each other as a grid of cells, with a line through each: four quadrants, each a button; and a drag
// over the cells takes those in the rectangle.
import * as React from "react";
import { Box, ButtonBase, Typography, useTheme } from "@mui/material";
import type { QuadrantData } from "../types";
import { count, score } from "./text";

interface QuadrantsProps {
  data: QuadrantData;
  /** Name of the quadrant that the grid shows. */
  selected: string | null;
  onQuadrant: (name: string) => void;
  onBox: (box: { left: number; right: number; low: number; high: number }) => void;
  height?: number;
}

type Cell = [number, number];

export function Quadrants({ data, selected, onQuadrant, onBox, height = 220 }: QuadrantsProps) {
  const { across, up, cells, split } = data;
  const [width, tall] = [across.length - 1, up.length - 1];
  const [drag, setDrag] = React.useState<[Cell, Cell] | null>(null);
  const plot = React.useRef<SVGSVGElement | null>(null);
  const { palette } = useTheme();
  const top = Math.log1p(Math.max(1, ...cells.map((row) => Math.max(...row))));
  const place = (value: number, edges: number[], n: number) => {
    const span = edges[edges.length - 1] - edges[0];
    return span > 0 ? Math.max(0, Math.min(n, (n * (value - edges[0])) / span)) : 0;
  };
  const cellAt = (event: React.PointerEvent): Cell => {
    const box = plot.current!.getBoundingClientRect();
    const x = Math.floor((width * (event.clientX - box.left)) / Math.max(1, box.width));
    const y = Math.floor((tall * (box.bottom - event.clientY)) / Math.max(1, box.height));
    return [Math.max(0, Math.min(width - 1, x)), Math.max(0, Math.min(tall - 1, y))];
  };
  const bounds = (pair: [Cell, Cell]) => ({
    x: [Math.min(pair[0][0], pair[1][0]), Math.max(pair[0][0], pair[1][0]) + 1],
    y: [Math.min(pair[0][1], pair[1][1]), Math.max(pair[0][1], pair[1][1]) + 1],
  });
  const box = drag && bounds(drag);
  const inside = box && cells.slice(box.y[0], box.y[1]).reduce((sum, row) => sum + row.slice(box.x[0], box.x[1]).reduce((a, b) => a + b, 0), 0);

  return (
    <Box>
      <Typography variant="caption" component="div" color="text.secondary">
        {data.y_title} ↑
      </Typography>
      <Box sx={{ color: "primary.main", border: 1, borderColor: "divider", borderRadius: 0.5, cursor: "crosshair", touchAction: "none", userSelect: "none", lineHeight: 0 }}>
        <svg
          ref={plot}
          role="img"
          aria-label={`${data.y_title} against ${data.x_title.toLowerCase()}`}
          width="100%"
          height={height}
          viewBox={`0 0 ${width} ${tall}`}
          preserveAspectRatio="none"
          onPointerDown={(event) => {
            event.currentTarget.setPointerCapture(event.pointerId);
            const cell = cellAt(event);
            setDrag([cell, cell]);
          }}
          onPointerMove={(event) => drag && setDrag([drag[0], cellAt(event)])}
          onPointerUp={(event) => {
            if (drag) {
              const { x, y } = bounds([drag[0], cellAt(event)]);
              onBox({ left: across[x[0]], right: across[x[1]], low: up[y[0]], high: up[y[1]] });
            }
            setDrag(null);
          }}
          onPointerCancel={() => setDrag(null)}
        >
          {cells.flatMap((row, y) =>
            row.map((n, x) => n > 0 && <rect key={`${x} ${y}`} x={x + 0.04} y={tall - 1 - y + 0.04} width={0.92} height={0.92} fill="currentColor" opacity={0.2 + (0.8 * Math.log1p(n)) / top} />),
          )}
          <g stroke={palette.text.primary} strokeWidth={1.5} strokeDasharray="5 4" opacity={0.8}>
            <line x1={place(split[0], across, width)} x2={place(split[0], across, width)} y1={0} y2={tall} vectorEffect="non-scaling-stroke" />
            <line x1={0} x2={width} y1={tall - place(split[1], up, tall)} y2={tall - place(split[1], up, tall)} vectorEffect="non-scaling-stroke" />
          </g>
          {box && <rect x={box.x[0]} width={box.x[1] - box.x[0]} y={tall - box.y[1]} height={box.y[1] - box.y[0]} fill="currentColor" fillOpacity={0.2} stroke="currentColor" vectorEffect="non-scaling-stroke" />}
        </svg>
      </Box>
      <Box sx={{ display: "flex", justifyContent: "space-between", gap: 1 }}>
        <Typography variant="caption" color="text.secondary">
          {score(across[0])}
        </Typography>
        <Typography variant="caption" color="text.secondary" noWrap>
          {inside === null ? `${data.x_title} →` : `${count(inside)} samples`}
        </Typography>
        <Typography variant="caption" color="text.secondary">
          {score(across[width])}
        </Typography>
      </Box>
      <Box sx={{ mt: 0.5, display: "grid", gap: 0.5, gridTemplateColumns: "1fr 1fr" }}>
        {data.quadrants.map((quadrant) => (
          <ButtonBase
            key={quadrant.name}
            disabled={!quadrant.n}
            aria-pressed={selected === quadrant.name}
            onClick={() => onQuadrant(quadrant.name)}
            title={`Show these ${count(quadrant.n)} in the grid`}
            sx={{
              display: "block",
              textAlign: "left",
              p: 0.75,
              minWidth: 0,
              borderRadius: 0.5,
              border: 1,
              borderColor: "divider",
              opacity: quadrant.n ? 1 : 0.5,
              bgcolor: selected === quadrant.name ? "action.selected" : "transparent",
              "&:hover, &:focus-visible": { bgcolor: "action.selected" },
            }}
          >
            <Typography variant="body2" color="text.primary" sx={{ fontWeight: 600 }}>
              {quadrant.title} · {count(quadrant.n)}
            </Typography>
            <Typography variant="caption" component="div" color="text.secondary">
              {quadrant.said}
            </Typography>
          </ButtonBase>
        ))}
      </Box>
    </Box>
  );
}
