// Classes against classes: the darker a cell beside the diagonal, the larger its share of the row. A click, or Enter on
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

const STEPS: Record<string, [number, number]> = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

export function Matrix({ data, selected, onPick }: MatrixProps) {
  const { classes, cells } = data;
  const { palette } = useTheme();
  const [at, setAt] = React.useState<[number, number]>([0, 0]);
  const grid = React.useRef<HTMLDivElement>(null);
  const [estimates, setEstimates] = React.useState(false);
  const drawn = (estimates && data.estimated) || cells;
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
    return data.estimated ? `${suggested}; estimated ${count(data.estimated[r][c])}` : suggested;
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
        <Typography variant="caption" color="text.secondary">
          {data.row_title} ↓
        </Typography>
        {classes.map((name) => (
          <Typography key={name} variant="caption" color="text.secondary" noWrap title={name} sx={{ textAlign: "center", minWidth: 0 }}>
            {name}
          </Typography>
        ))}
        {classes.map((row, r) => (
          <React.Fragment key={row}>
            <Typography variant="caption" color="text.secondary" noWrap title={row} sx={{ textAlign: "right", maxWidth: 90, pr: 0.5 }}>
              {row}
            </Typography>
            {classes.map((column, c) => (
              <ButtonBase
                key={column}
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
          </React.Fragment>
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
