// The panel's buttons, as Python lists them.
import * as React from "react";
import { Box, Button } from "@mui/material";
import type { Send } from "../send";
import type { Action } from "../types";

export function ActionBar({ actions, send }: { actions: Action[]; send: Send }) {
  return (
    <Box sx={{ display: "flex", gap: 1, flexWrap: "wrap" }}>
      {actions.map((action) => (
        <Button key={action.label} size="small" variant="outlined" color="inherit" onClick={() => send(action.event, action.params)}>
          {action.label}
        </Button>
      ))}
    </Box>
  );
}
