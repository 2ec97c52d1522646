// What floats over the App: calls at work, the line that says what was done, and the bar that appears with a selection.
// Nothing here stands in the way: all of it can be closed, and the App goes on underneath.
import * as React from "react";
import { Alert, Box, Button, IconButton, LinearProgress, Paper, Portal, Typography } from "@mui/material";
import { Icon } from "../components";
import type { Job, Line } from "../types";

const STAYS = 12_000; // milliseconds for which a line stays; an error stays until it is closed

/** What can be done with a selection; the last word names the operator. */
const BUTTONS = [
  { label: "Similar", operator: "similar_selected", prompt: false },
  { label: "Exclude", operator: "exclude_selected", prompt: false },
  { label: "Keep", operator: "keep_selected", prompt: false },
  { label: "Relabel…", operator: "relabel_selected", prompt: true },
  { label: "Review these", operator: "review_selected", prompt: false },
];

interface ActivityProps {
  jobs: Job[];
  line: Line | null;
  /** How many are selected in the grid. */
  selected: number;
  onStop: (key: string) => void;
  onCloseLine: () => void;
  onUnselect: () => void;
  run: (operator: string, params: Record<string, unknown>, prompt: boolean) => void;
}

export function Activity({ jobs, line, selected, onStop, onCloseLine, onUnselect, run }: ActivityProps) {
  const running = jobs.filter((job) => job.state === "running");
  React.useEffect(() => {
    if (!line || line.variant === "error") return;
    const timer = setTimeout(onCloseLine, STAYS);
    return () => clearTimeout(timer);
  }, [line]);
  return (
    <Portal>
      <Box sx={{ position: "fixed", zIndex: 2000, left: 12, bottom: 12, width: 276, display: "grid", gap: 1, "& .MuiButton-root": { textTransform: "none" } }}>
        {running.map((job) => (
          <Running key={job.key} job={job} onStop={() => onStop(job.key)} />
        ))}
      </Box>
      <Box
        sx={{ position: "fixed", zIndex: 2000, left: "50%", bottom: 12, transform: "translateX(-50%)", width: "max-content", maxWidth: "min(720px, calc(100vw - 24px))", display: "grid", gap: 1, justifyItems: "center", "& .MuiButton-root": { textTransform: "none", whiteSpace: "nowrap" } }}
      >
        {line?.text && <Said line={line} onClose={onCloseLine} run={run} />}
        {selected > 0 && (
          <Paper elevation={8} role="toolbar" aria-label="Selected pictures" sx={{ display: "flex", alignItems: "center", gap: 0.5, px: 1.5, py: 0.5, borderRadius: 2, border: 1, borderColor: "divider" }}>
            <Typography variant="body2" sx={{ mr: 0.5, whiteSpace: "nowrap" }}>
              {selected.toLocaleString("en-US")} selected
            </Typography>
            {BUTTONS.map(({ label, operator, prompt }) => (
              <Button key={operator} size="small" color="inherit" onClick={() => run(`@image-curation/curator/${operator}`, {}, prompt)}>
                {label}
              </Button>
            ))}
            <IconButton size="small" aria-label="Clear the selection" onClick={onUnselect}>
              <Icon name="close" />
            </IconButton>
          </Paper>
        )}
      </Box>
    </Portal>
  );
}

/** One call at work: its step, how much of it is done, how long it still takes, and the button that stops it. */
function Running({ job, onStop }: { job: Job; onStop: () => void }) {
  const said = [job.doing, job.share === null ? null : `${Math.floor(100 * job.share)} %`, job.left].filter(Boolean).join(" · ");
  return (
    <Paper elevation={8} role="status" aria-label={`${job.label} is running`} sx={{ px: 1.5, py: 1, borderRadius: 2, border: 1, borderColor: "divider" }}>
      <Box sx={{ display: "flex", alignItems: "center", gap: 1 }}>
        <Typography variant="body2" sx={{ flex: 1, minWidth: 0, fontWeight: 600 }}>
          {job.label}
        </Typography>
        <Button size="small" color="inherit" disabled={job.stopping} onClick={onStop}>
          {job.stopping ? "Stopping …" : "Cancel"}
        </Button>
      </Box>
      <LinearProgress variant={job.share === null ? "indeterminate" : "determinate"} value={100 * (job.share ?? 0)} aria-label={job.label} sx={{ height: 6, borderRadius: 3 }} />
      <Typography variant="caption" component="div" color="text.secondary" sx={{ mt: 0.5 }}>
        {job.stopping ? "It stops at its next step" : said || "starting"}
      </Typography>
    </Paper>
  );
}

function Said({ line, onClose, run }: { line: Line; onClose: () => void; run: ActivityProps["run"] }) {
  const { does } = line;
  const act = () => {
    onClose();
    if (does) run(does.operator, does.params, does.prompt ?? false);
  };
  return (
    <Alert
      severity={line.variant}
      variant="filled"
      elevation={8}
      role={line.variant === "error" ? "alert" : "status"}
      onClose={onClose}
      sx={{ alignItems: "center", borderRadius: 2, color: "#fff", bgcolor: line.variant === "error" ? "#b3261e" : "#37474f", "& .MuiAlert-message": { overflowWrap: "anywhere" } }}
      action={
        <>
          {does && (
            <Button size="small" color="inherit" sx={{ fontWeight: 700 }} onClick={act}>
              {does.label}
            </Button>
          )}
          <IconButton size="small" color="inherit" aria-label="Close" onClick={onClose}>
            <Icon name="close" />
          </IconButton>
        </>
      }
    >
      {line.text}
    </Alert>
  );
}
