// Classes against classes, those mixed up most first: the darker a cell beside the diagonal, the larger its share of the row. A click, or Enter on
// the cell that the arrow keys reach, takes it. Where the run estimates how many there really are, a switch draws that;
// a cell still leads to the samples that are suggested for it.
import * as React from "react";
import { alpha, Box, ButtonBase, ToggleButton, ToggleButtonGroup, Typography, useTheme } from "@mui/material";
import type { MatrixData } from "../types";
import { count } from "./text";

interface MatrixProps {
  data: MatrixData;
  /** Row and column of the cell that the grid shows. */
  selected: [string, string] | null;
  onPick: (row: string, column: string) => void;
}

/** A name that reads upwards over its column; a long one breaks into lines. */
const UPRIGHT = { writingMode: "vertical-rl", transform: "rotate(180deg)", justifySelf: "center", maxHeight: 130, maxWidth: 40, overflow: "hidden", lineHeight: 1.2, overflowWrap: "anywhere", py: 0.5 } as const;

const STEPS: Record<string, [number, number]> = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

export function Matrix({ data, selected, onPick }: MatrixProps) {
  const order = React.useMemo(() => mixedFirst(data.cells), [data]);
  const classes = order.map((at) => data.classes[at]);
  const cells = ordered(data.cells, order);
  const estimated = data.estimated && ordered(data.estimated, order);
  const { palette } = useTheme();
  const [at, setAt] = React.useState<[number, number]>([0, 0]);
  const grid = React.useRef<HTMLDivElement>(null);
  const [estimates, setEstimates] = React.useState(false);
  const drawn = (estimates && estimated) || cells;
  const rows = drawn.map((row) => Math.max(1, row.reduce((a, b) => a + b, 0)));
  const mixed = Math.max(1e-9, ...drawn.map((row, r) => Math.max(...row.map((n, c) => (r === c ? 0 : n / rows[r])))));
  const last = classes.length - 1;

  const colour = (r: number, c: number): string => {
    const n = drawn[r][c];
    if (!n) return "transparent";
    if (r === c) return alpha(palette.text.secondary, 0.08 + 0.22 * (n / rows[r]));
    return alpha(palette.primary.main, 0.12 + 0.78 * (n / rows[r] / mixed));
  };
  const walk = (event: React.KeyboardEvent) => {
    const step = STEPS[event.key];
    if (!step && event.key !== "Enter") return;
    event.preventDefault();
    event.stopPropagation();
    if (!step) {
      if (cells[at[0]][at[1]]) onPick(classes[at[0]], classes[at[1]]);
      return;
    }
    const goal: [number, number] = [Math.max(0, Math.min(last, at[0] + step[0])), Math.max(0, Math.min(last, at[1] + step[1]))];
    grid.current?.querySelector<HTMLElement>(`[data-cell="${goal.join(" ")}"]`)?.focus();
  };

  const said = (r: number, c: number): string => {
    const suggested = `${data.row_title} ${classes[r]}, ${data.column_title.toLowerCase()} ${classes[c]}: ${count(cells[r][c])}`;
    return estimated ? `${suggested}; estimated ${count(estimated[r][c])}` : suggested;
  };

  return (
    <Box>
      {data.estimated && (
        <ToggleButtonGroup
          size="small"
          exclusive
          value={estimates}
          onChange={(_, next) => next !== null && setEstimates(next)}
          aria-label="Which numbers"
          sx={{ "& .MuiToggleButton-root": { textTransform: "none", py: 0, px: 1 } }}
        >
          <ToggleButton value={false}>{data.column_title}</ToggleButton>
          <ToggleButton value title="How many samples of each label are estimated to belong to which class (confident learning), over all that the run read">
            Estimated
          </ToggleButton>
        </ToggleButtonGroup>
      )}
      <Typography variant="caption" component="div" color="text.secondary" sx={{ textAlign: "right" }}>
        {estimates ? "True class" : data.column_title} →
      </Typography>
      <Box
        ref={grid}
        role="grid"
        aria-label={data.title}
        onKeyDown={walk}
        sx={{ display: "grid", gap: "2px", gridTemplateColumns: `minmax(36px, max-content) repeat(${classes.length}, minmax(0, 1fr))`, alignItems: "center" }}
      >
        <Box role="row" sx={{ display: "contents" }}>
        <Typography role="columnheader" variant="caption" color="text.secondary" sx={{ alignSelf: "end" }}>
          {data.row_title} ↓
        </Typography>
        {classes.map((name) => (
          <Typography key={name} role="columnheader" variant="caption" color="text.secondary" title={name} sx={UPRIGHT}>
            {name}
          </Typography>
        ))}
        </Box>
        {classes.map((row, r) => (
          <Box key={row} role="row" sx={{ display: "contents" }}>
            <Typography role="rowheader" variant="caption" color="text.secondary" title={row} sx={{ textAlign: "right", maxWidth: 150, pr: 0.5, lineHeight: 1.2, overflowWrap: "anywhere" }}>
              {row}
            </Typography>
            {classes.map((column, c) => (
              <ButtonBase
                key={column}
                role="gridcell"
                data-cell={`${r} ${c}`}
                aria-disabled={!cells[r][c]} // yet within reach of the arrow keys
                tabIndex={r === at[0] && c === at[1] ? 0 : -1}
                onFocus={() => setAt([r, c])}
                onClick={() => cells[r][c] > 0 && onPick(row, column)}
                title={said(r, c)}
                sx={{
                  height: 24,
                  minWidth: 0,
                  overflow: "hidden",
                  borderRadius: 0.5,
                  fontSize: 11,
                  cursor: cells[r][c] ? "pointer" : "default",
                  color: "text.primary",
                  bgcolor: colour(r, c),
                  outline: selected && selected[0] === row && selected[1] === column ? `2px solid ${palette.text.primary}` : "none",
                  "&:hover, &:focus-visible": { outline: `1px solid ${palette.text.primary}` },
                }}
              >
                {drawn[r][c] ? count(drawn[r][c]) : ""}
              </ButtonBase>
            ))}
          </Box>
        ))}
      </Box>
      {data.hidden && (
        <Typography variant="caption" color="text.secondary">
          {data.hidden}
        </Typography>
      )}
    </Box>
  );
}

/** Places of the classes, by how many samples lie beside the diagonal in their row and column. */
function mixedFirst(cells: number[][]): number[] {
  const mixed = cells.map((row, r) => row.reduce((sum, n, c) => sum + (c === r ? 0 : n + cells[c][r]), 0));
  return cells.map((_, at) => at).sort((a, b) => mixed[b] - mixed[a] || a - b);
}

const ordered = (cells: number[][], order: number[]): number[][] => order.map((r) => order.map((c) => cells[r][c]));
