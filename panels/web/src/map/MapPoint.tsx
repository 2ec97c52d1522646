// One sample of the map: small beside the pointer, or large with what can be done about it.
import * as React from "react";
import { Box, Button, IconButton, Typography } from "@mui/material";
import { FactsTable, Thumbnail, tone } from "../components";
import type { MapSample } from "../types";
import type { Send } from "../send";

const AWAY = 16; // pixels from the pointer

interface PointedProps {
  at: { x: number; y: number };
  sample: MapSample | null;
}

/** The picture under the pointer. It keeps out of the pointer's way and inside the map. */
export function Pointed({ at, sample }: PointedProps) {
  const box = React.useRef<HTMLDivElement>(null);
  const [place, setPlace] = React.useState({ left: 0, top: 0 });
  React.useLayoutEffect(() => {
    const own = box.current;
    const around = own?.parentElement;
    if (!own || !around) return;
    const fits = at.x + AWAY + own.offsetWidth < around.clientWidth;
    const top = Math.min(at.y + AWAY, around.clientHeight - own.offsetHeight - 4);
    setPlace({ left: fits ? at.x + AWAY : Math.max(4, at.x - AWAY - own.offsetWidth), top: Math.max(4, top) });
  }, [at.x, at.y, sample]);
  if (!sample) return null;
  return (
    <Box
      ref={box}
      data-pointed={sample.id}
      sx={{
        position: "absolute",
        ...place,
        width: 132,
        p: 0.75,
        pointerEvents: "none",
        bgcolor: "background.paper",
        border: 1,
        borderColor: "divider",
        borderRadius: 1,
        boxShadow: 3,
        zIndex: 2,
      }}
    >
      <Thumbnail path={sample.path} alt={sample.name} />
      <Lines sample={sample} />
    </Box>
  );
}

/** The picture large, with its label, and what can be done about it. */
export function MapPoint({ sample, send }: { sample: MapSample; send: Send }) {
  const asked = { id: sample.id, index: sample.index, token: sample.token };
  return (
    <Box
      role="dialog"
      aria-label={sample.name}
      sx={{ position: "absolute", left: 8, top: 8, width: "min(250px, 60%)", p: 1, bgcolor: "background.paper", border: 1, borderColor: "divider", borderRadius: 1, boxShadow: 4, zIndex: 3 }}
    >
      <Box sx={{ display: "flex", alignItems: "center", gap: 0.5 }}>
        <Typography variant="caption" color="text.secondary" noWrap title={sample.path} sx={{ flex: 1, minWidth: 0 }}>
          {sample.name}
        </Typography>
        <IconButton size="small" aria-label="Close" onClick={() => send("close_point")} sx={{ fontSize: 16, width: 24, height: 24 }}>
          ×
        </IconButton>
      </Box>
      <Box sx={{ width: "min(100%, max(280px, 100vh - 400px) - 130px)", mx: "auto" }}> {/* so that the card ends above the map's foot */}
        <Thumbnail path={sample.path} alt={sample.label ?? sample.name} />
      </Box>
      <Typography sx={{ fontWeight: 600, mt: 0.5 }}>{sample.label ?? "no label"}</Typography>
      {sample.facts.length > 0 && <FactsTable facts={sample.facts} />}
      {sample.decided && (
        <Typography variant="body2" sx={{ color: tone("warning") }}>
          {sample.decided}
        </Typography>
      )}
      <Box sx={{ display: "flex", gap: 1, mt: 0.5 }}>
        <Button size="small" variant="outlined" color="error" disabled={sample.decided?.startsWith("Excluded") ?? false} onClick={() => send("exclude_point", asked)}>
          Exclude
        </Button>
        <Button size="small" variant="outlined" color="inherit" onClick={() => send("open_sample", { id: sample.id })}>
          Open sample
        </Button>
      </Box>
    </Box>
  );
}

function Lines({ sample }: { sample: MapSample }) {
  const shown = [sample.label, ...sample.facts.map((fact) => `${fact.label}: ${fact.value}`)].filter((line): line is string => Boolean(line));
  return (
    <>
      {shown.map((line, index) => (
        <Typography key={index} variant="caption" component="div" noWrap color={index ? "text.secondary" : "text.primary"} sx={{ fontWeight: index ? 400 : 600 }}>
          {line}
        </Typography>
      ))}
      {sample.decided && (
        <Typography variant="caption" component="div" noWrap sx={{ color: tone("warning") }}>
          {sample.decided}
        </Typography>
      )}
    </>
  );
}
