// Many pictures of the queue side by side: mark a range of them, then decide about all of it at once.
import * as React from "react";
import { Box, Button, IconButton, Typography } from "@mui/material";
import { Gallery, Icon } from "../components";
import { Classes, Reasons } from "./Decide";
import type { Send } from "../send";
import type { Batch } from "../types";

interface BatchProps {
  batch: Batch;
  marked: ReadonlySet<string>;
  onMark: (ids: Set<string>) => void;
  /** Whether the run suggests labels. */
  suggests: boolean;
  classes: string[];
  reasons: string[];
  reason: string;
  onReason: (reason: string) => void;
  chooser: React.RefObject<HTMLInputElement>;
  onLeave: () => void;
  busy: boolean;
  decide: (verdict: string, more?: Record<string, unknown>) => void;
  send: Send;
}

export function BatchView({ batch, marked, onMark, suggests, busy, decide, send, ...choices }: BatchProps) {
  const none = marked.size === 0 || busy;
  const all = () => onMark(new Set(batch.pictures.filter((picture) => !picture.decided).map((picture) => picture.id)));
  const turn = (id: string | null) => id && send("turn_page", { id });
  return (
    <Box sx={{ display: "grid", gridTemplateColumns: "minmax(0, 1fr)", gap: 1 }}>
      <Box sx={{ position: "sticky", top: 0, zIndex: 2, bgcolor: "background.paper", display: "grid", gridTemplateColumns: "minmax(0, 1fr)", gap: 1, py: 0.5 }}>
        <Box sx={{ display: "flex", gap: 1, flexWrap: "wrap", alignItems: "center" }}>
          {suggests && (
            <Button size="small" variant="contained" disabled={none} onClick={() => decide("accept")}>
              Accept (A)
            </Button>
          )}
          <Button size="small" variant="outlined" color="inherit" disabled={none} onClick={() => decide("keep")}>
            Keep (K)
          </Button>
          <Button size="small" variant="outlined" color="error" disabled={none} onClick={() => decide("exclude")}>
            Exclude (X)
          </Button>
          <Reasons {...choices} />
          {choices.classes.length > 0 && <Classes {...choices} skip={null} onChoose={(label) => !none && decide("relabel", { label })} />}
        </Box>
        <Box sx={{ display: "flex", gap: 1, alignItems: "center", flexWrap: "wrap" }}>
          <Typography variant="body2" color="text.primary" sx={{ fontWeight: 600 }}>
            {marked.size} marked
          </Typography>
          <Button size="small" color="inherit" onClick={marked.size ? () => onMark(new Set()) : all}>
            {marked.size ? "None" : "Mark all"}
          </Button>
          <Typography variant="body2" color="text.secondary" sx={{ flex: 1, minWidth: 120 }}>
            {batch.text}
          </Typography>
          <IconButton size="small" aria-label="Previous page" disabled={!batch.previous} onClick={() => turn(batch.previous)}>
            <Icon name="previous" />
          </IconButton>
          <IconButton size="small" aria-label="Next page" disabled={!batch.more} onClick={() => turn(batch.more)}>
            <Icon name="next" />
          </IconButton>
        </Box>
      </Box>
      <Gallery pictures={batch.pictures} label="Pictures of the queue" columns={4} marked={marked} onMark={onMark} onPick={(id) => send("open_sample", { id })} />
      <Typography variant="caption" color="text.secondary">
        Click the first and then the last of a range, or hold Shift; Ctrl marks single ones; a double click opens a picture.
      </Typography>
    </Box>
  );
}
