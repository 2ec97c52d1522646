// The Curation Map panel as the App draws it: the points, what their colors mean, and what can be done with those chosen.
// What an event does is decided in panels/map/panel.py; moving about the map stays in the browser.
import * as React from "react";
import { Alert, Box, Button, ListSubheader, MenuItem, Select, ToggleButton, ToggleButtonGroup, Typography, useTheme } from "@mui/material";
import { AdviceCard, Frame, LookAgain } from "../components";
import { bytes, colorsOf, flagsOf, NO_NUMBER, placesOf, type Mode } from "../components/palette";
import { Scatter, type Tool } from "../components/Scatter";
import { MapChosen } from "./MapChosen";
import { MapLegend } from "./MapLegend";
import { MapPoint, Pointed } from "./MapPoint";
import type { MapData, MapField, MapSample, Plot } from "../types";
import type { Send } from "../send";

const REST = 90; // milliseconds that the pointer rests on a point before its picture is asked for
const REMEMBERED = 300; // pictures that need not be asked for again
const TOOLS: [Tool, string, string][] = [
  ["move", "Move", "Drag to move the map, or to turn it in space; click a point to see it large"],
  ["lasso", "Lasso", "Draw around samples to choose them"],
  ["box", "Box", "Draw a box around samples to choose them"],
];

/** The panel without the App around it, as the test page draws it too. */
export function MapView({ data, send }: { data: MapData; send: Send }) {
  const { advice, plot } = data;
  return (
    <Frame sx={{ gap: 1, minHeight: 300, maxWidth: "none" }}>
      {advice && <AdviceCard advice={advice} send={send} />}
      {!advice && plot && <Shown data={data} plot={plot} send={send} />}
    </Frame>
  );
}

function Shown({ data, plot, send }: { data: MapData; plot: Plot; send: Send }) {
  const [tool, setTool] = React.useState<Tool>("move");
  const [pointed, setPointed] = usePointed(data.pointed ?? null, plot.token, send);
  const points = usePoints(data, plot);
  const shade = useShade(plot);
  const open = data.point && data.point.token === plot.token ? data.point : null;
  const ringed = [open?.index, pointed?.index].filter((index): index is number => index !== undefined);
  const token = plot.token;
  return (
    <>
      <Head data={data} send={send} />
      {data.stale && (
        <Alert severity="warning" sx={{ py: 0 }} action={<Button size="small" color="inherit" sx={{ whiteSpace: "nowrap" }} onClick={() => send("rerun")}>Compute again</Button>}>
          {data.stale}
        </Alert>
      )}
      <Box sx={{ display: "flex", gap: 1, rowGap: 1, alignItems: "center", flexWrap: "wrap" }}>
        <FieldSelect name="Color" none="one color" value={data.color?.path ?? ""} fields={data.fields ?? []} onChoose={(path) => send("choose_color", { path })} />
        <FieldSelect name="Size" none="all the same" value={data.size?.path ?? ""} fields={(data.fields ?? []).filter((one) => one.sizes)} onChoose={(path) => send("choose_size", { path })} />
        <ToggleButtonGroup size="small" exclusive value={tool} onChange={(_, next) => next && setTool(next)} aria-label="What dragging does" sx={{ ml: "auto", "& .MuiToggleButton-root": { textTransform: "none", py: 0.25, px: 1 } }}>
          {TOOLS.map(([name, label, help]) => (
            <ToggleButton key={name} value={name} title={help}>
              {label}
            </ToggleButton>
          ))}
        </ToggleButtonGroup>
      </Box>
      <Box sx={{ display: "flex", flexWrap: "wrap", gap: 1 }}>
        <Box sx={{ flex: "6 1 460px", minWidth: 0, position: "relative", display: "grid", gap: 0.5, gridTemplateColumns: "minmax(0, 1fr)", alignContent: "start" }}>
          <Scatter
            dims={plot.dims}
            points={points}
            shade={shade}
            tool={tool}
            label={`Map of ${data.scope ?? ""}`}
            height="max(280px, calc(100vh - 400px))"
            remember={`curator-map ${location.pathname} ${data.map ?? ""}`}
            outline={data.chosen?.corners ?? null}
            ringed={ringed}
            onPoint={setPointed}
            onPick={(index) => (index === null ? open && send("close_point") : send("open_point", { index, token }))}
            onShape={(corners, matrix) => send("choose_shape", { corners, matrix, token })}
          >
            <Typography variant="caption" color="text.secondary" sx={{ position: "absolute", left: 8, right: 8, bottom: 4, pointerEvents: "none" }}>
              {[data.scope, data.drawn].filter(Boolean).join(" · ")}
            </Typography>
            {pointed && pointed.index !== open?.index && <Pointed at={pointed} sample={pointed.sample} />}
          </Scatter>
          {open && <MapPoint sample={open} send={send} />}
          <MapChosen data={data} send={send} />
        </Box>
        <Box sx={{ flex: "1 1 180px", minWidth: 0, display: "grid", gap: 1, gridTemplateColumns: "minmax(0, 1fr)", alignContent: "start" }}>
          <MapLegend data={data} send={send} />
        </Box>
      </Box>
    </>
  );
}

function Head({ data, send }: { data: MapData; send: Send }) {
  const maps = data.maps ?? [];
  return (
    <Box sx={{ display: "flex", alignItems: "center", gap: 1 }}>
      {maps.length > 1 ? (
        <Select size="small" variant="standard" value={data.map ?? ""} inputProps={{ "aria-label": "Map" }} onChange={(event) => send("choose_map", { key: event.target.value })} sx={{ fontWeight: 600, minWidth: 0 }}>
          {maps.map((one) => (
            <MenuItem key={one.key} value={one.key}>
              {one.label}
            </MenuItem>
          ))}
        </Select>
      ) : (
        <Typography noWrap sx={{ fontWeight: 600, minWidth: 0 }}>
          {maps[0]?.label}
        </Typography>
      )}
      <Box sx={{ flex: 1 }} />
      {data.narrowed && (
        <Button size="small" color="inherit" sx={{ flexShrink: 0 }} onClick={() => send("whole_dataset")}>
          Whole dataset
        </Button>
      )}
      <Button size="small" color="inherit" sx={{ flexShrink: 0 }} title="Compute another map, such as one in space" onClick={() => send("run_method", { method: "compute_map" })}>
        New map
      </Button>
      <LookAgain send={send} />
    </Box>
  );
}

interface FieldSelectProps {
  name: string;
  none: string;
  value: string;
  fields: MapField[];
  onChoose: (path: string) => void;
}

/** A list of fields under the names of what wrote them. */
function FieldSelect({ name, none, value, fields, onChoose }: FieldSelectProps) {
  const rows: React.ReactNode[] = [];
  const chosen = fields.find((one) => one.path === value);
  fields.forEach((field, index) => {
    if (field.group !== fields[index - 1]?.group) {
      rows.push(
        <ListSubheader key={`group ${index}`} sx={{ lineHeight: 2.2, bgcolor: "background.paper" }}>
          {field.group}
        </ListSubheader>,
      );
    }
    rows.push(
      <MenuItem key={field.path} value={field.path} dense>
        {field.label}
      </MenuItem>,
    );
  });
  return (
    <Box component="label" sx={{ display: "flex", alignItems: "center", gap: 0.75, minWidth: 0, fontSize: 13, color: "text.secondary" }}>
      {name}
      <Select size="small" variant="standard" displayEmpty value={chosen?.path ?? ""} title={chosen?.title /* which the narrow box may shorten */} inputProps={{ "aria-label": name }} onChange={(event) => onChoose(event.target.value)} renderValue={() => chosen?.title ?? none} MenuProps={{ PaperProps: { sx: { maxHeight: 380 } } }} sx={{ fontSize: 14, maxWidth: "clamp(96px, 9vw, 180px)" }}>
        <MenuItem value="" dense>
          {none}
        </MenuItem>
        {rows}
      </Select>
    </Box>
  );
}

/** The arrays that are drawn; each is made again only when what it comes from has changed. */
function usePoints(data: MapData, plot: Plot) {
  const theme = useTheme();
  const mode = theme.palette.mode as Mode;
  const { n } = plot;
  const { kind = "none", codes = null } = data.color ?? {};
  const places = React.useMemo(() => placesOf(plot.positions, plot.dims), [plot.positions, plot.dims]);
  const colors = React.useMemo(() => colorsOf(fitting(codes, n), n, codes ? kind : "none", mode, mode === "dark" ? "#7aa7d9" : "#3f74ad"), [codes, kind, n, mode]);
  const sized = data.size?.codes ?? null;
  const sizes = React.useMemo(() => {
    const given = fitting(sized, n);
    return given ? given.map((code) => (code === NO_NUMBER ? 0 : code)) : new Uint8Array(n).fill(85); // 85: drawn as it is
  }, [sized, n]);
  const bits = data.lit ?? null;
  const lit = React.useMemo(() => flagsOf(bits, n), [bits, n]);
  return React.useMemo(() => ({ places, colors, sizes, lit }), [places, colors, sizes, lit]);
}

/** A byte for each point, or nothing where they are still those of other points. */
function fitting(text: string | null, n: number): Uint8Array | null {
  const given = text === null ? null : bytes(text);
  return given && given.length === n ? given : null;
}

function useShade(plot: Plot) {
  const mode = useTheme().palette.mode;
  const { hidden, dims } = plot;
  return React.useMemo(() => {
    if (!hidden) return null;
    const places = placesOf(hidden.positions, dims);
    const strengths = bytes(hidden.strengths);
    const n = strengths.length;
    const colors = new Uint8Array(4 * n);
    const ink = mode === "dark" ? 220 : 60;
    for (let i = 0; i < n; i++) colors.set([ink, ink, ink, 60 + 0.75 * strengths[i]], 4 * i);
    return { places, colors, sizes: new Uint8Array(n).fill(85), lit: new Uint8Array(n).fill(1) };
  }, [hidden, dims, mode]);
}

export interface PointedAt {
  index: number;
  x: number;
  y: number;
  sample: MapSample | null;
}

/** The point under the pointer, and its sample once it has come; asked for when the pointer rests. */
function usePointed(given: MapSample | null, token: string, send: Send): [PointedAt | null, (index: number | null, x: number, y: number) => void] {
  const [at, setAt] = React.useState<{ index: number; x: number; y: number } | null>(null);
  const known = React.useRef(new globalThis.Map<string, MapSample>());
  const latest = React.useRef(send);
  latest.current = send;
  if (given) {
    if (known.current.size >= REMEMBERED) known.current.clear();
    known.current.set(`${given.token} ${given.index}`, given);
  }
  const index = at?.index ?? null;
  const sample = index === null ? null : (known.current.get(`${token} ${index}`) ?? null);
  React.useEffect(() => {
    if (index === null || sample) return undefined;
    const timer = setTimeout(() => latest.current("point_at", { index, token }), REST);
    return () => clearTimeout(timer);
  }, [index, token, sample === null]);
  const set = (next: number | null, x: number, y: number) => setAt(next === null ? null : { index: next, x, y });
  return [at && { ...at, sample }, set];
}
