// What the panel shows in the grid, with the way back to everything. It lies at the foot of what is in sight, so that
// nothing that was just clicked moves.
import * as React from "react";
import { Alert, Button } from "@mui/material";
import type { Send } from "../send";
import type { Showing } from "../types";

const OPAQUE = { backgroundImage: "none", bgcolor: "background.paper", color: "text.primary", border: 1, borderColor: "info.main" } as const;

export function ShowingBar({ showing, send }: { showing?: Showing | null; send: Send }) {
  if (!showing) return null;
  return (
    <Alert
      severity="info"
      sx={{ position: "sticky", bottom: 8, zIndex: 2, py: 0, boxShadow: 3, ...OPAQUE }}
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
