// A titled block: what it is, a sentence about it, and what it holds.
import * as React from "react";
import { Box, Typography } from "@mui/material";

interface CardProps {
  title?: string;
  text?: string | null;
  /** Stands at the right end of the title. */
  aside?: React.ReactNode;
  children?: React.ReactNode;
}

export function Card({ title, text, aside, children }: CardProps) {
  return (
    <Box
      component="section"
      aria-label={title}
      sx={{ border: 1, borderColor: "divider", borderRadius: 1, p: 1.5, minWidth: 0, bgcolor: "action.hover" }}
    >
      {(title || aside) && (
        <Box sx={{ display: "flex", alignItems: "center", gap: 1, flexWrap: "wrap" }}>
          <Typography component="h3" variant="subtitle1" sx={{ fontWeight: 600, flex: 1, color: "text.primary" }}>
            {title}
          </Typography>
          {aside}
        </Box>
      )}
      {text && (
        <Typography variant="body2" color="text.secondary" sx={{ mb: children ? 1 : 0 }}>
          {text}
        </Typography>
      )}
      {children}
    </Box>
  );
}
