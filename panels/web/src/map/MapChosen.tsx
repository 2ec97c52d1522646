// What was chosen on the map, how many samples that is, and what can be done with them; and what the last click did.
import * as React from "react";
import { Box, Button, TextField, Typography } from "@mui/material";
import type { MapData } from "../types";
import type { Send } from "../send";

type Asking = { event: "tag_chosen" | "save_chosen"; name: "tag" | "name"; label: string; verb: string };
const TAG: Asking = { event: "tag_chosen", name: "tag", label: "Tag", verb: "Add" };
const SAVE: Asking = { event: "save_chosen", name: "name", label: "Name of the slice", verb: "Save" };

export function MapChosen({ data, send }: { data: MapData; send: Send }) {
  const { chosen, said, undo } = data;
  const [asking, setAsking] = React.useState<Asking | null>(null);
  const [text, setText] = React.useState("");
  React.useEffect(() => setAsking(null), [chosen?.n, chosen === null]);
  const ask = (what: Asking) => {
    setAsking(asking === what ? null : what);
    setText("");
  };
  const answer = (event: React.FormEvent) => {
    event.preventDefault();
    if (!asking || !text.trim()) return;
    if (asking === TAG) send("tag_chosen", { tag: text.trim() });
    else send("save_chosen", { name: text.trim() });
    setAsking(null);
  };
  return (
    <Box sx={{ display: "grid", gap: 0.5, gridTemplateColumns: "minmax(0, 1fr)" }}>
      {chosen && (
        <Box role="group" aria-label="Chosen samples" sx={{ display: "flex", flexWrap: "wrap", alignItems: "center", gap: 0.75, px: 1, py: 0.5, borderRadius: 1, border: 1, borderColor: "primary.main" }}>
          <Typography sx={{ fontWeight: 600, fontSize: 14, flex: 1, minWidth: 110 }}>{chosen.text}</Typography>
          {!data.in_grid && chosen.fits && (
            <Button size="small" color="inherit" onClick={() => send("show_chosen")}>
              Show in the grid
            </Button>
          )}
          <Button size="small" color="inherit" aria-expanded={asking === TAG} onClick={() => ask(TAG)}>
            Tag
          </Button>
          <Button size="small" color="inherit" aria-expanded={asking === SAVE} onClick={() => ask(SAVE)}>
            Save as slice
          </Button>
          <Button size="small" variant="outlined" color="error" onClick={() => send("exclude_chosen")}>
            Exclude {chosen.n.toLocaleString("en-US")}
          </Button>
          <Button size="small" color="inherit" onClick={() => send("clear_chosen")}>
            Clear
          </Button>
          {asking && (
            <Box component="form" onSubmit={answer} sx={{ display: "flex", gap: 1, width: "100%", alignItems: "center", py: 0.5 }}>
              <TextField autoFocus size="small" label={asking.label} value={text} onChange={(event) => setText(event.target.value)} onKeyDown={(event) => event.stopPropagation()} sx={{ flex: 1 }} />
              <Button type="submit" size="small" variant="contained" disabled={!text.trim()}>
                {asking.verb}
              </Button>
            </Box>
          )}
        </Box>
      )}
      {(said || undo) && (
        <Box sx={{ display: "flex", alignItems: "center", gap: 1, minHeight: 30 }}>
          <Typography variant="body2" color="text.secondary" role="status" sx={{ flex: 1, minWidth: 0 }}>
            {said}
          </Typography>
          {undo && (
            <Button size="small" color="inherit" title={`Take back: ${undo}`} onClick={() => send("undo", data.point ? { index: data.point.index, token: data.point.token } : {})}>
              Undo
            </Button>
          )}
        </Box>
      )}
    </Box>
  );
}
