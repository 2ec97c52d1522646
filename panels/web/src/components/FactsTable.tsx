// Label and value, two columns; for what a run used and found.
import * as React from "react";
import { Box, Typography } from "@mui/material";
import type { Fact } from "../types";

export function FactsTable({ facts }: { facts: Fact[] }) {
  return (
    <Box component="dl" sx={{ display: "grid", gridTemplateColumns: "minmax(110px, 2fr) 3fr", columnGap: 2, rowGap: 0.25, m: 0 }}>
      {facts.map((fact) => (
        <React.Fragment key={fact.label}>
          <Typography component="dt" variant="body2" color="text.secondary">
            {fact.label}
          </Typography>
          <Typography component="dd" variant="body2" color="text.primary" sx={{ m: 0, overflowWrap: "anywhere" }}>
            {fact.value}
          </Typography>
        </React.Fragment>
      ))}
    </Box>
  );
}
