// The decisions about one picture, or about a group of copies, each with its key.
import * as React from "react";
import { Autocomplete, Box, Button, TextField } from "@mui/material";
import type { Send } from "../send";
import type { ReviewCard } from "../types";

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
  /** Classes that the number keys give. */
  quick: string[];
  busy: boolean;
  act: Send;
}

export function Decide({ card, quick, busy, act, ...choices }: DecideProps) {
  const { compare } = card;
  const accept = compare ? compare.proposal : card.suggested && "Accept suggestion"; // the names stand above, in full
  const keep = compare ? "Keep all" : card.given && card.suggested ? "Keep given label" : "Keep";
  return (
    <Box sx={{ display: "grid", gridTemplateColumns: "minmax(0, 1fr)", gap: 1, opacity: busy ? 0.6 : 1 }}>
      <Box sx={{ display: "flex", gap: 1, "& > *": { flex: "1 1 auto", minWidth: 0, px: 1 } }}>
        {accept && (
          <Button variant="contained" onClick={() => act("accept")}>
            {accept} (A)
          </Button>
        )}
        <Button variant="outlined" color="inherit" onClick={() => act("keep")}>
          {keep} (K)
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
      {quick.length > 1 && (
        <Box role="group" aria-label="Classes by number key" sx={{ display: "flex", gap: 0.5, flexWrap: "wrap" }}>
          {quick.map((label, place) => (
            <Button key={label} size="small" variant="outlined" color="inherit" onClick={() => act("relabel", { label })}>
              {label} ({place + 1})
            </Button>
          ))}
        </Box>
      )}
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
