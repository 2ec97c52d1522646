// What the colors and sizes of a map mean, which classes have a color of their own, and how far the map can be trusted.
import * as React from "react";
import { Box, Button, ButtonBase, Checkbox, Popover, TextField, Tooltip, Typography, useTheme } from "@mui/material";
import { classColor, rampCss, type Mode } from "../components/palette";
import { count } from "../components/text";
import type { ClassLegend, ClassValue, MapData, Ramp } from "../types";
import type { Send } from "../send";

export function MapLegend({ data, send }: { data: MapData; send: Send }) {
  const { color, size, quality } = data;
  return (
    <>
      {!!quality?.length && (
        <Box role="group" aria-label="How far to trust this map" sx={{ display: "flex", flexWrap: "wrap", columnGap: 1.5 }}>
          {quality.map((row) => (
            <Tooltip describeChild key={row.label} title={row.help}>
              <Typography variant="caption" color="text.secondary" tabIndex={0} sx={{ cursor: "help" }}>
                {row.label}{" "}
                <Box component="span" sx={{ color: "text.primary" }}>
                  {row.value}
                </Box>
              </Typography>
            </Tooltip>
          ))}
        </Box>
      )}
      {color && color.kind !== "none" && (
        <Box component="section" aria-label="Legend">
          <Title text={color.title} help={color.said} aside={color.kind === "classes" && color.legend.classes.length > 0 && <ClassChoice legend={color.legend} send={send} />} />
          {color.kind === "classes" && <Classes legend={color.legend} chosen={data.chosen?.value ?? null} send={send} />}
          {color.kind === "numbers" && <Numbers legend={color.legend} />}
        </Box>
      )}
      {size && (
        <Box component="section" aria-label="Sizes">
          <Title text={`Size: ${size.title}`} />
          <Typography variant="caption" color="text.secondary">
            {size.legend ? `small: ${size.legend.low}, large: ${size.legend.high}` : "No sample here has a value."}
          </Typography>
        </Box>
      )}
    </>
  );
}

function Title({ text, help, aside }: { text: string; help?: string; aside?: React.ReactNode }) {
  return (
    <Box sx={{ display: "flex", alignItems: "center", columnGap: 1, flexWrap: "wrap" }}>
      <Typography variant="subtitle2" title={help || text} sx={{ flex: 1, overflowWrap: "anywhere" }}>
        {text}
      </Typography>
      {aside}
    </Box>
  );
}

function Classes({ legend, chosen, send }: { legend: ClassLegend; chosen: ClassValue | null; send: Send }) {
  const mode = useTheme().palette.mode as Mode;
  return (
    <Box sx={{ display: "grid", gridTemplateColumns: "repeat(auto-fill, minmax(118px, 1fr))", columnGap: 1 }}>
      {legend.rows.map((row) => (
        <ButtonBase
          key={row.slot}
          disabled={row.value === null}
          aria-pressed={row.value !== null && row.value === chosen}
          title={row.value === null ? row.label : `Choose the samples of ${row.label}`}
          onClick={() => send("choose_class", { value: row.value })}
          sx={{ display: "flex", gap: 0.75, justifyContent: "flex-start", px: 0.5, borderRadius: 0.5, minWidth: 0, bgcolor: row.value !== null && row.value === chosen ? "action.selected" : "transparent", "&:hover, &:focus-visible": { bgcolor: "action.selected" } }}
        >
          <Box sx={{ width: 10, height: 10, borderRadius: "50%", flexShrink: 0, bgcolor: classColor(row.slot, mode) }} />
          <Typography variant="body2" noWrap sx={{ flex: 1, textAlign: "left" }} color={row.value === null ? "text.secondary" : "text.primary"}>
            {row.label}
          </Typography>
          {row.n !== null && (
            <Typography variant="caption" color="text.secondary">
              {count(row.n)}
            </Typography>
          )}
        </ButtonBase>
      ))}
    </Box>
  );
}

function Numbers({ legend }: { legend: Ramp | null }) {
  const mode = useTheme().palette.mode as Mode;
  if (!legend) {
    return (
      <Typography variant="caption" color="text.secondary">
        No sample here has a value.
      </Typography>
    );
  }
  return (
    <Box sx={{ maxWidth: 420 }}>
      <Box sx={{ height: 10, borderRadius: 1, background: rampCss(mode) }} />
      <Box sx={{ display: "flex", justifyContent: "space-between", gap: 1 }}>
        <Typography variant="caption" color="text.secondary">
          {legend.low}
        </Typography>
        <Typography variant="caption" color="text.secondary" sx={{ textAlign: "right" }}>
          {legend.high}
        </Typography>
      </Box>
      {legend.missing && (
        <Typography variant="caption" color="text.secondary">
          {legend.missing}
        </Typography>
      )}
    </Box>
  );
}

/** Which classes have a color of their own; the others share one. */
function ClassChoice({ legend, send }: { legend: ClassLegend; send: Send }) {
  const [anchor, setAnchor] = React.useState<HTMLElement | null>(null);
  const [on, setOn] = React.useState<ClassValue[]>([]);
  const [filter, setFilter] = React.useState("");
  const open = (event: React.MouseEvent<HTMLElement>) => {
    setOn(legend.classes.filter((one) => one.on).map((one) => one.value));
    setFilter("");
    setAnchor(event.currentTarget);
  };
  const flip = (value: ClassValue) => setOn(on.includes(value) ? on.filter((one) => one !== value) : [...on, value]);
  const take = (classes: ClassValue[]) => {
    send("choose_classes", { classes });
    setAnchor(null);
  };
  const rows = legend.classes.filter((one) => one.label.toLowerCase().includes(filter.toLowerCase()));
  return (
    <>
      <Button size="small" color="inherit" onClick={open} sx={{ py: 0, minWidth: 0 }}>
        Choose classes
      </Button>
      <Popover open={anchor !== null} anchorEl={anchor} onClose={() => setAnchor(null)} anchorOrigin={{ vertical: "top", horizontal: "right" }} transformOrigin={{ vertical: "bottom", horizontal: "right" }}>
        <Box sx={{ p: 1.5, width: 280, display: "grid", gap: 1, "& .MuiButton-root": { textTransform: "none" } }}>
          <Typography variant="body2" color="text.secondary">
            Up to {legend.most} classes have a color of their own: {on.length} chosen.
          </Typography>
          <TextField size="small" label="Find a class" value={filter} onChange={(event) => setFilter(event.target.value)} onKeyDown={(event) => event.stopPropagation()} />
          <Box sx={{ maxHeight: 260, overflowY: "auto" }}>
            {rows.map((row) => (
              <Box key={String(row.value)} component="label" sx={{ display: "flex", alignItems: "center", gap: 0.5, cursor: "pointer" }}>
                <Checkbox size="small" checked={on.includes(row.value)} disabled={!on.includes(row.value) && on.length >= legend.most} onChange={() => flip(row.value)} sx={{ p: 0.25 }} />
                <Typography variant="body2" noWrap sx={{ flex: 1 }}>
                  {row.label}
                </Typography>
                <Typography variant="caption" color="text.secondary">
                  {count(row.n)}
                </Typography>
              </Box>
            ))}
          </Box>
          <Box sx={{ display: "flex", gap: 1, justifyContent: "flex-end" }}>
            <Button size="small" color="inherit" onClick={() => setOn([])}>
              None
            </Button>
            <Button size="small" color="inherit" onClick={() => take([])}>
              The largest
            </Button>
            <Button size="small" variant="contained" disabled={!on.length} onClick={() => take(on)}>
              Use these
            </Button>
          </Box>
        </Box>
      </Popover>
    </>
  );
}
