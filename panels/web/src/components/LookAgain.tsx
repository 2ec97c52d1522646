// The button that has everything read again.
import * as React from "react";
import { IconButton, Tooltip } from "@mui/material";
import type { Send } from "../send";
import { Icon } from "./Icon";

export function LookAgain({ send }: { send: Send }) {
  return (
    <Tooltip title="Look again">
      <IconButton size="small" aria-label="Look again" onClick={() => send("refresh")}>
        <Icon name="refresh" />
      </IconButton>
    </Tooltip>
  );
}
