// The decisions about one picture, or about a group of copies, each with its key.
import * as React from "react";
import { Autocomplete, Box, Button, TextField } from "@mui/material";
import type { ReviewCard, Send } from "./types";

interface ChoiceProps {
  classes: string[];
  reasons: string[];
  reason: string;
  onReason: (reason: string) => void;
  chooser: React.RefObject<HTMLInputElement>;
  /** Gives the keyboard back to the panel. */
  onLeave: () => void;
}

interface DecideProps extends ChoiceProps {
  card: ReviewCard;
  busy: boolean;
  act: Send;
}

export function Decide({ card, busy, act, ...choices }: DecideProps) {
  const { compare } = card;
  const accept = compare ? compare.proposal : card.suggested && `Accept “${card.suggested}”`;
  const keep = compare ? "Keep all" : card.given && card.suggested ? `Keep “${card.given}”` : "Keep";
  return (
    <Box sx={{ display: "grid", gridTemplateColumns: "minmax(0, 1fr)", gap: 1, opacity: busy ? 0.6 : 1 }}>
      <Box sx={{ display: "flex", gap: 1, "& > *": { flex: "1 1 auto", minWidth: 0, px: 1 } }}>
        {accept && (
          <Button variant="contained" onClick={() => act("accept")}>
            <Short text={accept} /> (A)
          </Button>
        )}
        <Button variant="outlined" color="inherit" onClick={() => act("keep")}>
          <Short text={keep} /> (K)
        </Button>
      </Box>
      <Box sx={{ display: "flex", gap: 1, alignItems: "center" }}>
        {!compare && (
          <Button variant="outlined" color="error" onClick={() => act("exclude")} sx={{ flexShrink: 0 }}>
            Exclude (X)
          </Button>
        )}
        <Reasons {...choices} />
      </Box>
      {!compare && choices.classes.length > 0 && <Classes {...choices} skip={card.given} onChoose={(label) => act("relabel", { label })} />}
    </Box>
  );
}

/** Why samples are excluded: one of the usual reasons, or what is typed. */
export function Reasons({ reasons, reason, onReason, onLeave }: ChoiceProps) {
  return (
    <Autocomplete
      freeSolo
      disableClearable
      size="small"
      options={reasons}
      filterOptions={(options) => options}
      value={reason}
      inputValue={reason}
      onInputChange={(_, typed) => onReason(typed)}
      onKeyDown={(event) => (event.key === "Escape" || event.key === "Enter") && onLeave()}
      sx={{ flex: "1 1 130px", minWidth: 0 }}
      renderInput={(params) => <TextField {...params} label="Reason to exclude" />}
    />
  );
}

/** Another class: one that is there, or a new one that is typed. */
export function Classes({ classes, chooser, onLeave, skip, onChoose }: ChoiceProps & { skip: string | null; onChoose: (label: string) => void }) {
  return (
    <Autocomplete
      freeSolo
      size="small"
      options={classes.filter((name) => name !== skip)}
      onChange={(_, chosen) => typeof chosen === "string" && chosen.trim() && onChoose(chosen)}
      onKeyDown={(event) => event.key === "Escape" && onLeave()}
      sx={{ flex: "1 1 240px", minWidth: 0 }}
      renderInput={(params) => <TextField {...params} inputRef={chooser} label="Another class, or a new one (C)" />}
    />
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
