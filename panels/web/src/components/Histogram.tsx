// How many samples have which score. A click takes one bar, a drag a range; with the keyboard the arrows walk the bars,
// Shift extends and Enter takes. What a range means is decided by the panel's Python side.
import * as React from "react";
import { Box, Typography } from "@mui/material";
import type { HistogramData } from "../types";
import { count, score } from "./text";

interface HistogramProps {
  data: HistogramData;
  label: string;
  /** The range that the grid shows. */
  selected: [number, number] | null;
  onRange: (low: number, high: number) => void;
  height?: number;
}

export function Histogram({ data, label, selected, onRange, height = 120 }: HistogramProps) {
  const { edges, counts } = data;
  const top = Math.max(1, ...counts);
  const [drag, setDrag] = React.useState<[number, number] | null>(null);
  const [hover, setHover] = React.useState<number | null>(null);
  const plot = React.useRef<HTMLDivElement | null>(null);

  const barAt = (event: React.PointerEvent): number => {
    const box = plot.current!.getBoundingClientRect();
    const share = (event.clientX - box.left) / Math.max(1, box.width);
    return Math.max(0, Math.min(counts.length - 1, Math.floor(share * counts.length)));
  };
  const take = (from: number, to: number) => onRange(edges[Math.min(from, to)], edges[Math.max(from, to) + 1]);

  const onKeyDown = (event: React.KeyboardEvent) => {
    const [anchor, at] = drag ?? [hover ?? 0, hover ?? 0];
    if (event.key === "Enter" || event.key === " ") {
      take(anchor, at);
      setDrag(null);
    } else if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
      const goal = Math.max(0, Math.min(counts.length - 1, at + (event.key === "ArrowRight" ? 1 : -1)));
      setDrag(event.shiftKey ? [anchor, goal] : [goal, goal]);
      setHover(goal);
    } else if (event.key === "Escape") {
      setDrag(null);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };

  const taken = (index: number): boolean => {
    if (drag) return index >= Math.min(...drag) && index <= Math.max(...drag);
    if (!selected) return true;
    const middle = (edges[index] + edges[index + 1]) / 2;
    return middle >= selected[0] && middle <= selected[1];
  };

  const [from, to] = drag ? [Math.min(...drag), Math.max(...drag)] : [hover, hover];
  const said =
    from === null || to === null
      ? "Click a bar, or drag over several, to see those samples in the grid"
      : `${score(edges[from])} to ${score(edges[to + 1])}: ${count(counts.slice(from, to + 1).reduce((a, b) => a + b, 0))} samples`;

  return (
    <Box>
      <Box
        ref={plot}
        role="slider"
        tabIndex={0}
        aria-label={label}
        aria-valuemin={edges[0]}
        aria-valuemax={edges[edges.length - 1]}
        aria-valuenow={edges[hover ?? 0]}
        aria-valuetext={said}
        onKeyDown={onKeyDown}
        onBlur={() => setDrag(null)}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          const bar = barAt(event);
          setDrag([bar, bar]);
        }}
        onPointerMove={(event) => {
          const bar = barAt(event);
          setHover(bar);
          if (drag && event.buttons) setDrag([drag[0], bar]);
        }}
        onPointerUp={(event) => {
          if (drag) take(drag[0], barAt(event));
          setDrag(null);
        }}
        onPointerCancel={() => setDrag(null)}
        onPointerLeave={() => setHover(null)}
        sx={{
          display: "flex",
          alignItems: "flex-end",
          height,
          cursor: "crosshair",
          touchAction: "none",
          userSelect: "none",
          borderBottom: 1,
          borderColor: "divider",
          outlineOffset: 2,
        }}
      >
        {counts.map((n, index) => (
          <Box
            key={index}
            data-bar={index}
            sx={{
              flex: 1,
              height: "100%",
              display: "flex",
              alignItems: "flex-end",
              px: "0.5px",
              bgcolor: from !== null && to !== null && index >= from && index <= to ? "action.hover" : "transparent",
            }}
          >
            <Box
              sx={{
                width: "100%",
                // a bar of one sample beside one of ten thousand must still be there to be clicked
                height: n ? `max(3px, ${(100 * n) / top}%)` : 0,
                borderRadius: "2px 2px 0 0",
                bgcolor: "primary.main",
                opacity: taken(index) ? 1 : 0.3,
              }}
            />
          </Box>
        ))}
      </Box>
      <Box sx={{ display: "flex", justifyContent: "space-between", gap: 2 }}>
        <Typography variant="caption" color="text.secondary">
          {data.low}
        </Typography>
        <Typography variant="caption" color="text.secondary" sx={{ textAlign: "right" }}>
          {data.high}
        </Typography>
      </Box>
      <Typography variant="caption" component="div" color="text.secondary" sx={{ minHeight: "1.7em" }}>
        {said}
        {data.missing ? `. ${data.missing}` : ""}
      </Typography>
    </Box>
  );
}
