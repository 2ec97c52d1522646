// What the panel shows in the grid, with the way back to everything; stays in sight while the panel scrolls.
import * as React from "react";
import { Alert, Button } from "@mui/material";
import type { Send, Showing } from "../types";

export function ShowingBar({ showing, send }: { showing?: Showing | null; send: Send }) {
  if (!showing) return null;
  return (
    <Alert
      severity="info"
      sx={{ position: "sticky", top: 0, zIndex: 2, py: 0 }}
      action={
        <Button size="small" color="inherit" sx={{ whiteSpace: "nowrap" }} onClick={() => send("show_all")}>
          Show all
        </Button>
      }
    >
      {showing.text}
    </Alert>
  );
}
