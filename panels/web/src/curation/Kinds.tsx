// What was found, kind by kind: how much is left of how much, its first pictures, and the one thing to do about it.
import * as React from "react";
import { Box, Button, ButtonBase, Link, Tooltip, Typography } from "@mui/material";
import { Sparkline, Thumbnail, tone } from "../components";
import { count } from "../components/text";
import type { Send } from "../send";
import type { Action, FoundKind } from "../types";

const PICTURE = 44;
const NUMBERS = 72;
export const BOX = { border: 1, borderColor: "divider", borderRadius: 1, p: 1.25, bgcolor: "action.hover", display: "flex", alignItems: "center", gap: 1.5, flexWrap: "wrap", minWidth: 0 } as const;

export function Kinds({ kinds, send }: { kinds: FoundKind[]; send: Send }) {
  if (!kinds.length) return null;
  return (
    <Box component="section" aria-label="Findings" sx={{ display: "grid", gap: 1 }}>
      {kinds.map((kind) => (
        <Kind key={kind.key} kind={kind} act={(action) => send(action.event, action.params)} send={send} />
      ))}
    </Box>
  );
}

/** One kind of issue: how many now against at first, what that means, the first pictures, and the one thing to do. */
function Kind({ kind, act, send }: { kind: FoundKind; act: (action: Action) => void; send: Send }) {
  const none = kind.now === 0;
  return (
    <Box data-kind={kind.key} sx={BOX}>
      <Box sx={{ minWidth: NUMBERS, flexShrink: 0, display: "flex", alignItems: "baseline", gap: 0.5 }}>
        {kind.first !== null && (
          <Typography component="span" color="text.secondary" sx={{ fontSize: 14, whiteSpace: "nowrap" }} title="At the first check">
            {count(kind.first)} →
          </Typography>
        )}
        <Typography component="span" sx={{ fontSize: 22, fontWeight: 700, color: none ? "text.secondary" : "text.primary" }} title="Left to decide">
          {count(kind.now)}
        </Typography>
      </Box>
      <Box sx={{ flex: "1 1 170px", minWidth: 0 }}>
        <Tooltip title={kind.means} placement="top-start" describeChild>
          <Link component="button" type="button" color="text.primary" underline="hover" onClick={() => send("open_run", { key: kind.key })} sx={{ fontWeight: 600, fontSize: 15, textAlign: "left" }}>
            {kind.title}
          </Link>
        </Tooltip>
        <Typography variant="body2" color="text.secondary">
          {kind.text}
        </Typography>
        {kind.stale && (
          <Typography variant="caption" component="div" sx={{ color: tone("warning") }}>
            {kind.stale}
          </Typography>
        )}
      </Box>
      <Pictures pictures={kind.pictures} send={send} />
      <Sparkline values={kind.curve} label={`${kind.title} left, check by check`} best="low" />
      <Box sx={{ display: "flex", gap: 0.5, ml: "auto" }}>
        {kind.look && (
          <Button size="small" color="inherit" onClick={() => act(kind.look!)} sx={{ whiteSpace: "nowrap" }}>
            {kind.look.label}
          </Button>
        )}
        <Do action={kind.action} act={act} plain={none} />
      </Box>
    </Box>
  );
}

/** The first pictures of a kind; a file that cannot be shown leaves no gap. */
function Pictures({ pictures, send }: { pictures: FoundKind["pictures"]; send: Send }) {
  const [broken, setBroken] = React.useState(new Set<string>());
  const shown = pictures.filter(({ id }) => !broken.has(id));
  if (!shown.length) return null;
  return (
    <Box sx={{ display: "flex", gap: 0.75 }}>
      {shown.map(({ id, path }) => (
        <ButtonBase key={id} aria-label="Open this picture" onClick={() => send("open_sample", { id })} sx={{ borderRadius: 0.5, "&:focus-visible": { outline: 2, outlineColor: "primary.main" } }}>
          <Thumbnail path={path} alt="" size={PICTURE} fill onBroken={() => setBroken((known) => new Set([...known, id]))} />
        </ButtonBase>
      ))}
    </Box>
  );
}

export function Do({ action, act, plain }: { action: Action; act: (action: Action) => void; plain?: boolean }) {
  return (
    <Button size="small" variant="outlined" color={plain ? "inherit" : "primary"} onClick={() => act(action)} sx={{ minWidth: 96, whiteSpace: "nowrap" }}>
      {action.label}
    </Button>
  );
}
