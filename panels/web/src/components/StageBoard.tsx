// The stages of curation, each method with its state, its result in a sentence and the one thing to do with it.
import * as React from "react";
import { Box, Button, CircularProgress, Link, Tooltip, Typography } from "@mui/material";
import { ProgressBar } from "./ProgressLine";
import type { Action, MethodRow, MethodState, Stage } from "../types";
import { Card } from "./Card";
import { Icon } from "./Icon";
import { tone } from "./tones";

interface BoardProps {
  stages: Stage[];
  onOpen: (key: string) => void;
  onAct: (action: Action) => void;
}

const COLORS = {
  none: "text.secondary",
  running: tone("primary"),
  done: tone("success"),
  stale: tone("warning"),
  failed: tone("error"),
} as const;

export const STATE_WORDS: Record<MethodState, string> = {
  none: "Not run",
  running: "Running",
  done: "Done",
  stale: "Out of date",
  failed: "Failed",
};

export function StateMark({ state }: { state: MethodState }) {
  if (state === "running") return <CircularProgress size={16} aria-label="Running" sx={{ m: "2px" }} />;
  return <Icon name={state} titleAccess={STATE_WORDS[state]} sx={{ color: COLORS[state] }} />;
}

export function StageBoard({ stages, onOpen, onAct }: BoardProps) {
  return (
    <Box sx={{ display: "grid", gap: 1.5 }}>
      {stages.map((stage) => (
        <Card key={stage.name} title={stage.label} text={stage.about}>
          {stage.methods.map((method) => (
            <Method key={method.name} method={method} onOpen={onOpen} onAct={onAct} />
          ))}
        </Card>
      ))}
    </Box>
  );
}

function Method({ method, onOpen, onAct }: { method: MethodRow } & Omit<BoardProps, "stages">) {
  const { key, state, action } = method;
  return (
    <Box
      data-method={method.name}
      sx={{ display: "flex", gap: 1, alignItems: "flex-start", py: 0.75, borderTop: 1, borderColor: "divider", flexWrap: "wrap" }}
    >
      <Box sx={{ pt: 0.25, width: 20, display: "flex", justifyContent: "center" }}>
        <StateMark state={state} />
      </Box>
      <Box sx={{ flex: "1 1 220px", minWidth: 0 }}>
        <Box sx={{ display: "flex", gap: 1, alignItems: "baseline", flexWrap: "wrap" }}>
          <Tooltip title={method.help} placement="top-start" describeChild>
            {key ? (
              <Link component="button" type="button" color="text.primary" underline="hover" onClick={() => onOpen(key)} sx={{ fontWeight: 600, fontSize: 14 }}>
                {method.label}
              </Link>
            ) : (
              <Typography sx={{ fontWeight: 600, fontSize: 14 }}>{method.label}</Typography>
            )}
          </Tooltip>
          <Typography variant="caption" sx={{ color: COLORS[state] }}>
            {method.said}
          </Typography>
        </Box>
        <Typography variant="body2" color="text.secondary">
          {method.headline || method.help}
        </Typography>
        {method.progress !== null && (
          <ProgressBar share={method.progress} label={`${method.label}: progress`} />
        )}
        {method.reason && (
          <Typography variant="body2" sx={{ color: COLORS[state] }}>
            {method.reason}
          </Typography>
        )}
        {method.others.length > 0 && (
          <Typography variant="caption" component="div" color="text.secondary">
            Earlier:{" "}
            {method.others.map((run) => (
              <Link key={run.key} component="button" type="button" onClick={() => onOpen(run.key)} sx={{ mr: 1, fontSize: 12, color: COLORS[run.state] }}>
                {run.key}
              </Link>
            ))}
          </Typography>
        )}
      </Box>
      <Box sx={{ display: "flex", gap: 0.5, ml: "auto" }}>
        {key && (
          <Button size="small" variant="outlined" color="inherit" onClick={() => onOpen(key)}>
            Open
          </Button>
        )}
        {action && (
          <Button size="small" variant={key ? "text" : "outlined"} color={key ? "inherit" : "primary"} onClick={() => onAct(action)}>
            {action.label}
          </Button>
        )}
      </Box>
    </Box>
  );
}
