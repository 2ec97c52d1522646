// How many samples have which score, in all and class by class. What a range means is decided by the panel's Python side.
import * as React from "react";
import { Box, Typography } from "@mui/material";
import type { HistogramData } from "../types";
import { Bars } from "./Bars";
import { count, score } from "./text";

export interface Range {
  low: number;
  high: number;
  /** The class it is narrowed to. */
  label: string | null;
}

interface HistogramProps {
  data: HistogramData;
  label: string;
  /** The range that the grid shows. */
  selected: Range | null;
  byClass: boolean;
  onRange: (range: Range) => void;
}

const HINT = "Click a bar, or drag over several, to see those samples in the grid";

export function Histogram({ data, label, selected, byClass, onRange }: HistogramProps) {
  const { edges } = data;
  const [said, setSaid] = React.useState<string | null>(null);
  const scale = Math.max(Math.abs(edges[0]), Math.abs(edges[edges.length - 1]));
  const bars = (counts: number[], name: string | null, height: number) => (
    <Bars
      edges={edges}
      counts={counts}
      label={name === null ? label : `${label} of ${name}`}
      height={height}
      selected={selected && selected.label === name ? [selected.low, selected.high] : null}
      faded={selected !== null && selected.label !== name}
      onRange={(low, high) => onRange({ low, high, label: name })}
      onLook={(from, to) => {
        if (from === null || to === null) return setSaid(null);
        const n = counts.slice(from, to + 1).reduce((a, b) => a + b, 0);
        setSaid(`${name === null ? "" : `${name}, `}${score(edges[from], scale)} to ${score(edges[to + 1], scale)}: ${count(n)} samples`);
      }}
    />
  );
  return (
    <Box>
      {byClass ? (
        <Box sx={{ maxHeight: 300, overflowY: "auto", display: "grid", gridTemplateColumns: "minmax(40px, max-content) 1fr auto", columnGap: 1, rowGap: 0.25, alignItems: "end" }}>
          {data.classes.map(({ name, counts }) => (
            <React.Fragment key={name}>
              <Typography variant="caption" color="text.primary" noWrap title={name} sx={{ maxWidth: 120 }}>
                {name}
              </Typography>
              {bars(counts, name, 28)}
              <Typography variant="caption" color="text.secondary" sx={{ textAlign: "right" }}>
                {count(counts.reduce((a, b) => a + b, 0))}
              </Typography>
            </React.Fragment>
          ))}
        </Box>
      ) : (
        bars(data.counts, null, 120)
      )}
      <Box sx={{ display: "flex", justifyContent: "space-between", gap: 2 }}>
        <Typography variant="caption" color="text.secondary">
          {data.low}
        </Typography>
        <Typography variant="caption" color="text.secondary" sx={{ textAlign: "right" }}>
          {data.high}
        </Typography>
      </Box>
      <Typography variant="caption" component="div" color="text.secondary" sx={{ minHeight: "1.7em" }}>
        {[said ?? HINT, data.missing, byClass ? data.hidden : null].filter(Boolean).join(". ")}
      </Typography>
    </Box>
  );
}
