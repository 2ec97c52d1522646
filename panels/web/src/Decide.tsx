// The decisions about one picture, each with its key.
import * as React from "react";
import { Autocomplete, Box, Button, MenuItem, Select, TextField } from "@mui/material";
import type { ReviewCard, Send } from "./types";

interface DecideProps {
  card: ReviewCard;
  classes: string[];
  reasons: string[];
  reason: string;
  onReason: (reason: string) => void;
  chooser: React.RefObject<HTMLInputElement>;
  /** Gives the keyboard back to the panel. */
  onLeave: () => void;
  busy: boolean;
  act: Send;
}

export function Decide({ card, classes, reasons, reason, onReason, chooser, onLeave, busy, act }: DecideProps) {
  return (
    <Box sx={{ display: "grid", gridTemplateColumns: "minmax(0, 1fr)", gap: 1, opacity: busy ? 0.6 : 1 }}>
      <Box sx={{ display: "flex", gap: 1, "& > *": { flex: 1, minWidth: 0 } }}>
        {card.suggested && (
          <Button variant="contained" onClick={() => act("accept")}>
            <Short text={`Accept “${card.suggested}”`} /> (A)
          </Button>
        )}
        <Button variant="outlined" color="inherit" onClick={() => act("keep")}>
          <Short text={card.given && card.suggested ? `Keep “${card.given}”` : "Keep"} /> (K)
        </Button>
      </Box>
      <Box sx={{ display: "flex", gap: 1, alignItems: "center" }}>
        <Button variant="outlined" color="error" onClick={() => act("exclude")} sx={{ flexShrink: 0 }}>
          Exclude (X)
        </Button>
        <Select size="small" value={reason} aria-label="Reason" onChange={(event) => onReason(event.target.value)} sx={{ flex: 1, minWidth: 0, fontSize: 14 }}>
          {reasons.map((one) => (
            <MenuItem key={one} value={one}>
              {one}
            </MenuItem>
          ))}
        </Select>
      </Box>
      {classes.length > 0 && (
        <Autocomplete
          freeSolo
          size="small"
          options={classes.filter((name) => name !== card.given)}
          onChange={(_, chosen) => typeof chosen === "string" && chosen.trim() && act("relabel", { label: chosen })}
          onKeyDown={(event) => event.key === "Escape" && onLeave()}
          renderInput={(params) => <TextField {...params} inputRef={chooser} label="Another class (C)" />}
        />
      )}
    </Box>
  );
}

/** A label that gives way where the button is narrow, so that its key stays to be read. */
function Short({ text }: { text: string }) {
  return (
    <Box component="span" sx={{ overflow: "hidden", textOverflow: "ellipsis", whiteSpace: "nowrap", mr: 0.5 }}>
      {text}
    </Box>
  );
}
