// What a long review needs beside the card: the last decisions, each with its undo; many sure suggestions in one go; and
// the name that decisions are signed with.
import * as React from "react";
import { Box, Button, Card, TextField, Typography } from "@mui/material";
import { Gallery } from "../components";
import type { Send } from "../send";
import type { ReviewData } from "../types";

const NAME = "curator:author"; // where the browser remembers it, if it may
const kept = (name?: string): string => {
  try {
    if (name === undefined) return localStorage.getItem(NAME) ?? "";
    localStorage.setItem(NAME, name);
    return name;
  } catch {
    return name ?? "";
  }
};

/** The last decisions of this review, the newest first. */
export function Done({ data, send }: { data: ReviewData; send: Send }) {
  const done = data.done ?? [];
  if (!done.length) return null;
  return (
    <Box component="details" sx={{ "& summary": { cursor: "pointer" } }}>
      <Typography variant="body2" component="summary" color="text.secondary">
        Last decisions
      </Typography>
      {done.map(({ key, text, by }) => (
        <Box key={key} sx={{ display: "flex", alignItems: "center", gap: 1 }}>
          <Typography variant="body2" sx={{ flex: 1, minWidth: 0, overflowWrap: "anywhere" }}>
            {text}
            <Box component="span" sx={{ color: "text.secondary" }}>
              {" "}
              · {by}
            </Box>
          </Typography>
          <Button size="small" color="inherit" aria-label={`Undo: ${text}`} onClick={() => send("undo_one", { key })}>
            Undo
          </Button>
        </Box>
      ))}
    </Box>
  );
}

/** What would be accepted in one go, to be looked at before. */
export function Preview({ preview, send }: { preview: NonNullable<ReviewData["preview"]>; send: Send }) {
  const n = preview.n.toLocaleString("en-US");
  const hidden = preview.n - preview.pictures.length;
  return (
    <Card variant="outlined" sx={{ p: 1.5, display: "grid", gridTemplateColumns: "minmax(0, 1fr)", gap: 1 }}>
      <Typography variant="subtitle1" component="h2">
        {n} suggestions are right with a chance of {Math.round(100 * preview.at_least)} % or more
      </Typography>
      <Box sx={{ display: "flex", gap: 1 }}>
        <Button variant="contained" onClick={() => send("accept_sure")}>
          Accept all {n}
        </Button>
        <Button color="inherit" onClick={() => send("close_preview")}>
          Back to one by one
        </Button>
      </Box>
      <Gallery pictures={preview.pictures} label="Suggestions to accept" columns={4} onPick={(id) => send("open_sample", { id })} />
      <Typography variant="caption" color="text.secondary">
        {hidden > 0 ? `${hidden.toLocaleString("en-US")} more are not shown. ` : ""}One undo takes all of them back.
      </Typography>
    </Card>
  );
}

/** Who decides: the journal says it beside each decision, so that two people see where they differ. */
export function Author({ author, onLeave, send }: { author: string | null; onLeave: () => void; send: Send }) {
  const [name, setName] = React.useState(() => kept());
  const sign = () => {
    kept(name);
    if (name !== (author ?? "")) send("set_author", { name });
  };
  React.useEffect(() => {
    if (name && !author) sign();
  }, []);
  return (
    <TextField
      size="small"
      variant="standard"
      placeholder="Your name"
      value={name}
      inputProps={{ "aria-label": "Your name, to sign decisions", maxLength: 40 }}
      onChange={(event) => setName(event.target.value)}
      onBlur={sign}
      onKeyDown={(event) => (event.key === "Enter" || event.key === "Escape") && onLeave()}
      sx={{ width: 96 }}
    />
  );
}
