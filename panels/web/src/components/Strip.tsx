// A value on a line from worst to best, among those of random subsets.
import * as React from "react";
import { Box } from "@mui/material";

interface StripProps {
  place: number;
  others: number[];
  /** A second value, drawn hollow. */
  beside: number | null;
  label: string;
}

export function Strip({ place, others, beside, label }: StripProps) {
  const mark = (at: number, sx: object, key: React.Key) => (
    <Box key={key} sx={{ position: "absolute", left: `calc(${100 * at}% - 5px)`, top: 4, width: 10, height: 10, borderRadius: "50%", boxSizing: "border-box", ...sx }} />
  );
  return (
    <Box role="img" aria-label={label} title={label} sx={{ position: "relative", height: 18, mx: "6px", minWidth: 32 }}>
      <Box sx={{ position: "absolute", left: 0, right: 0, top: 8.5, borderTop: 1, borderColor: "divider" }} />
      {others.map((other, index) => mark(other, { bgcolor: "text.disabled", opacity: 0.7, transform: "scale(.6)" }, index))}
      {beside !== null && mark(beside, { border: 2, borderColor: "info.main" }, "beside")}
      {mark(place, { bgcolor: "primary.main" }, "own")}
    </Box>
  );
}
