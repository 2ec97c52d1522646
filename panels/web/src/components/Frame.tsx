// The ground that every panel is drawn on: one column, as wide as is pleasant to read.
import * as React from "react";
import { Box, type BoxProps } from "@mui/material";

const GROUND = {
  p: 1.5,
  display: "grid",
  gap: 1.5,
  gridTemplateColumns: "minmax(0, 1fr)",
  alignContent: "start",
  maxWidth: 1100,
  color: "text.primary",
  textAlign: "left",
  "& .MuiButton-root": { textTransform: "none" },
} as const;

export const Frame = React.forwardRef<HTMLDivElement, BoxProps>(function Frame({ sx, ...props }, ref) {
  return <Box ref={ref} sx={{ ...GROUND, ...(sx as object) }} {...props} />;
});
