// The Compare panel: how alike the selected samples are, what a model says of each at the temperature of the slider, and the
// neighbors of the first. What is compared is settled in panels/compare/panel.py.
import * as React from "react";
import { alpha, Alert, Box, Button, MenuItem, Select, Slider, Typography, useTheme } from "@mui/material";
import { AdviceCard, Card, Frame, Gallery, Thumbnail } from "../components";
import type { Send } from "../send";
import type { Choice, ComparisonData, Picture, Says } from "../types";

const NEIGHBORS_WIDTH = 420;
const CELL_WIDTH = 96;
const ROW_WIDTH = 56;
const LEAST_CELL = 28; // twelve fit a laptop's half

/** The panel without the App around it. */
export function ComparisonView({ data, send }: { data: ComparisonData; send: Send }) {
  const { advice, pictures = [], hidden, similarity, says, neighbors } = data;
  const open = (id: string) => send("open_sample", { id });
  return (
    <Frame>
      {advice && <AdviceCard advice={advice} send={send} />}
      {hidden && <Alert severity="info">{hidden}</Alert>}
      {pictures.length > 1 && similarity && (
        <Card
          title="How alike they are"
          text="Similarity of their embeddings, as a cosine: 1 is the same, 0 nothing in common."
          aside={<Choose of={data.embeddings} label="Embeddings" onChoose={(key) => send("choose_embeddings", { key })} />}
        >
          <Table pictures={pictures} rows={pictures.map((picture) => ({ picture }))} cells={similarity} low={0} high={1} onOpen={open} />
        </Card>
      )}
      {says && <Sayings says={says} pictures={pictures} choice={data.predictions} send={send} onOpen={open} />}
      {neighbors && neighbors.length > 0 && (
        <Card
          title="Nearest neighbors of 1"
          text="With their similarity to it. Click one to open it."
          aside={<Choose of={data.embeddings} label="Embeddings" onChoose={(key) => send("choose_embeddings", { key })} />}
        >
          <Box sx={{ maxWidth: NEIGHBORS_WIDTH }}>
            <Gallery pictures={neighbors} label="Nearest neighbors" onPick={open} />
          </Box>
          <Box sx={{ mt: 1 }}>
            <Button size="small" variant="outlined" color="inherit" onClick={() => send("show_neighbors", { ids: neighbors.map((one) => one.id) })}>
              Show them in the grid
            </Button>
          </Box>
        </Card>
      )}
    </Frame>
  );
}

/** Logits divided by the slider's factor, then normalised anew: nothing is asked of the server. */
function Sayings({ says, pictures, choice, send, onOpen }: { says: Says; pictures: Picture[]; choice?: Choice; send: Send; onOpen: (id: string) => void }) {
  const [power, setPower] = React.useState(0); // of two
  const factor = 2 ** power;
  const shares = says.logits.map((row) => row && probabilities(row, factor, says.many));
  const cells = says.classes.slice(0, says.shown).map((_, code) => shares.map((row) => (row ? row[code] : null)));
  const at = says.temperature ? (says.temperature * factor).toPrecision(3) : `${factor.toPrecision(3)} times the model's`;
  return (
    <Card
      title="What a model says"
      text={`Probability of each class. Temperature: ${at}.`}
      aside={<Choose of={choice} label="Predictions" onChoose={(key) => send("choose_predictions", { key })} />}
    >
      <Box sx={{ display: "flex", alignItems: "center", gap: 1.5, px: 1 }}>
        <Typography variant="caption" color="text.secondary">
          sure
        </Typography>
        <Slider
          size="small"
          value={power}
          min={-4}
          max={6}
          step={0.25}
          marks={[{ value: 0 }]}
          aria-label="Temperature"
          getAriaValueText={() => at}
          onChange={(_, value) => setPower(value as number)}
        />
        <Typography variant="caption" color="text.secondary">
          undecided
        </Typography>
      </Box>
      <Table pictures={pictures} rows={says.classes.slice(0, says.shown).map((text) => ({ text }))} cells={cells} low={0} high={1} onOpen={onOpen} />
      {says.classes.length > says.shown && (
        <Typography variant="caption" color="text.secondary">
          {says.classes.length - says.shown} more classes share the rest.
        </Typography>
      )}
    </Card>
  );
}

function probabilities(logits: number[], factor: number, many: boolean): number[] {
  if (many) return logits.map((one) => 1 / (1 + Math.exp(-one / factor)));
  const top = Math.max(...logits);
  const powers = logits.map((one) => Math.exp((one - top) / factor));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((one) => one / sum);
}

interface TableProps {
  pictures: Picture[];
  rows: { picture?: Picture; text?: string }[];
  cells: (number | null)[][];
  low: number;
  high: number;
  onOpen: (id: string) => void;
}

/** Pictures across, pictures or texts down; the fuller a cell, the larger its number. */
function Table({ pictures, rows, cells, low, high, onOpen }: TableProps) {
  const { palette } = useTheme();
  const shade = (value: number) => alpha(palette.primary.main, 0.55 * Math.max(0, Math.min(1, (value - low) / (high - low))));
  return (
    <Box role="table" sx={{ display: "grid", gap: "2px", alignItems: "center", gridTemplateColumns: `minmax(${ROW_WIDTH}px, max-content) repeat(${pictures.length}, minmax(${LEAST_CELL}px, ${CELL_WIDTH}px))`, overflowX: "auto" }}>
      <Box role="row" sx={{ display: "contents" }}>
      <span role="columnheader" aria-label="Pictures" />
      {pictures.map((picture) => (
        <Box key={picture.id} role="columnheader" onClick={() => onOpen(picture.id)} title={`Open ${picture.caption}`} sx={{ cursor: "pointer", textAlign: "center", maxWidth: 96, width: "100%", mx: "auto" }}>
          <Thumbnail path={picture.path} alt={picture.caption} />
          <Typography variant="caption" color="text.secondary">
            {picture.caption}
          </Typography>
        </Box>
      ))}
      </Box>
      {rows.map((row, r) => (
        <Box key={r} role="row" sx={{ display: "contents" }}>
          <Box role="rowheader" sx={{ maxWidth: 140, pr: 0.5 }}>
            {row.picture ? (
              <Box sx={{ display: "flex", alignItems: "center", gap: 0.5 }}>
                <Typography variant="caption" color="text.secondary" sx={{ minWidth: 16 }}>
                  {row.picture.caption}
                </Typography>
                <Thumbnail path={row.picture.path} alt={row.picture.caption} size={32} />
              </Box>
            ) : (
              <Typography variant="caption" component="div" noWrap title={row.text}>
                {row.text}
              </Typography>
            )}
          </Box>
          {pictures.map(({ id }, c) => {
            const value = cells[r]?.[c] ?? null; // the App hands over a new selection part by part
            return (
              <Box
                key={id}
                role="cell"
                sx={{ height: 28, display: "flex", alignItems: "center", justifyContent: "center", fontSize: pictures.length > 9 ? 11 : 12, borderRadius: 0.5, bgcolor: value === null ? "transparent" : shade(value), color: "text.primary" }}
              >
                {value === null ? "–" : value.toFixed(2).replace("-0.00", "0.00")}
              </Box>
            );
          })}
        </Box>
      ))}
    </Box>
  );
}

function Choose({ of, label, onChoose }: { of?: Choice; label: string; onChoose: (key: string) => void }) {
  if (!of || of.choices.length < 2) return null;
  return (
    <Select size="small" variant="standard" value={of.chosen ?? ""} sx={{ fontSize: 13 }} inputProps={{ "aria-label": label }} onChange={(event) => onChoose(String(event.target.value))}>
      {of.choices.map((key) => (
        <MenuItem key={key} value={key}>
          {key}
        </MenuItem>
      ))}
    </Select>
  );
}
