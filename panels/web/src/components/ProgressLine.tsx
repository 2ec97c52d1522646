// n of m, with a bar.
import * as React from "react";
import { Box, LinearProgress, Typography } from "@mui/material";
import type { ReviewProgress } from "../types";

export function ProgressLine({ progress }: { progress: ReviewProgress }) {
  const share = progress.total ? (100 * progress.done) / progress.total : 0;
  return (
    <Box>
      <LinearProgress variant="determinate" value={share} aria-label="Decided" sx={{ height: 6, borderRadius: 3, bgcolor: "action.selected" }} />
      <Typography variant="caption" color="text.secondary">
        {progress.text}
      </Typography>
    </Box>
  );
}
