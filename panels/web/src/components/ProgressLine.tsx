// How much is done: a bar, and beside it n of m.
import * as React from "react";
import { Box, LinearProgress, Typography } from "@mui/material";
import type { ReviewProgress } from "../types";

/** A bar; without a share, one that says only that something is going on. */
export function ProgressBar({ share, label }: { share: number | null; label: string }) {
  return (
    <LinearProgress
      variant={share === null ? "indeterminate" : "determinate"}
      value={100 * (share ?? 0)}
      aria-label={label}
      sx={{ mt: 0.5, height: 6, borderRadius: 3, bgcolor: "action.selected" }}
    />
  );
}

export function ProgressLine({ progress }: { progress: ReviewProgress }) {
  const share = progress.total ? progress.done / progress.total : 0;
  return (
    <Box>
      <ProgressBar share={share} label="Decided" />
      <Typography variant="caption" color="text.secondary">
        {progress.text}
      </Typography>
    </Box>
  );
}
