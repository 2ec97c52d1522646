// The page of one run: what it found, how its score is spread, its ends as pictures, its groups as lists.
import * as React from "react";
import { Alert, Box, Button, IconButton, MenuItem, Select, Typography } from "@mui/material";
import { ActionBar, Card, Curve, FactsTable, Gallery, Histogram, Icon, ListWithThumbnails, Matrix, ProgressBar, Quadrants, StateMark, type Range } from "../components";
import { Kinds } from "./Kinds";
import type { Send } from "../send";
import type { End, Listing, RunPage, RunProgress, Score, Showing } from "../types";

const PICTURES_WIDTH = 210;
const LIST_WIDTH = 330;
const FADED = { "&.Mui-disabled": { opacity: 0.3 } };

/** As many columns as fit, each at least so wide. */
const columns = (width: number) => ({
  display: "grid",
  gap: 1.5,
  gridTemplateColumns: `repeat(auto-fit, minmax(min(100%, ${width}px), 1fr))`,
  alignItems: "start",
});

interface RunProps {
  page: RunPage;
  /** How far it is, while it runs. */
  progress: RunProgress | null;
  showing: Showing | null;
  send: Send;
}

export function RunView({ page, progress, showing, send }: RunProps) {
  return (
    <>
      <Box>
        <Box sx={{ display: "flex", alignItems: "center", gap: 1, flexWrap: "wrap" }}>
          <Button size="small" color="inherit" startIcon={<Icon name="back" />} onClick={() => send("back")}>
            Back
          </Button>
          <StateMark state={page.state} />
          <Typography component="h2" variant="h6" sx={{ fontSize: 18 }}>
            {page.label}
          </Typography>
          <Typography variant="body2" color="text.secondary">
            {progress?.said ?? page.said}
          </Typography>
        </Box>
        <Typography sx={{ fontSize: 16, mt: 0.5 }}>{page.headline}</Typography>
        <Typography variant="body2" color="text.secondary">
          {page.about}
        </Typography>
        {progress && <ProgressBar share={progress.share} label="Progress" />}
      </Box>
      {page.reason && <Alert severity={page.state === "failed" ? "error" : "warning"}>{page.reason}</Alert>}
      {page.note && <Alert severity="info">{page.note}</Alert>}
      <ActionBar actions={page.actions} send={send} />
      <Kinds kinds={page.kinds ?? []} send={send} />
      {page.score && <ScoreCard page={page} score={page.score} showing={showing} send={send} />}
      {page.ends.length > 0 && (
        <Box sx={columns(PICTURES_WIDTH)}>
          {page.ends.map((end) => (
            <EndCard key={end.which} end={end} alone={page.ends.length === 1} send={send} />
          ))}
        </Box>
      )}
      {(page.matrix || page.quadrants || page.curve) && (
        <Box sx={columns(LIST_WIDTH)}>
          {page.curve && (
            <Card title={page.curve.title} text={page.curve.said}>
              <Curve data={page.curve} />
            </Card>
          )}
          {page.quadrants && (
            <Card title={page.quadrants.title} text={page.quadrants.said}>
              <Quadrants
                data={page.quadrants}
                selected={showing?.event === "show_quadrant" ? String(showing.value) : null}
                onQuadrant={(name) => send("show_quadrant", { name })}
                onBox={(box) => send("show_box", box)}
              />
            </Card>
          )}
          {page.matrix && (
            <Card title={page.matrix.title} text={page.matrix.said}>
              <Matrix
                data={page.matrix}
                selected={showing?.event === "show_cell" ? [String(showing.value), showing.column ?? ""] : null}
                onPick={(row, column) => send("show_cell", { row, column })}
              />
            </Card>
          )}
        </Box>
      )}
      {page.lists.length > 0 && (
        <Box sx={columns(LIST_WIDTH)}>
          {page.lists.map((list) => (
            <Box key={list.column} sx={{ minWidth: 0, gridColumn: list.more ? "1 / -1" : undefined }}>
              <Card title={list.title} text={list.said}>
                <ListWithThumbnails
                  list={list}
                  selected={selectedRow(list, showing)}
                  onPick={(row) => send(list.event, { column: list.column, value: row.value })}
                />
              </Card>
            </Box>
          ))}
        </Box>
      )}
      <Box sx={columns(LIST_WIDTH)}>
        {page.facts.length > 0 && (
          <Card title="What it found">
            <FactsTable facts={page.facts} />
          </Card>
        )}
        {page.settings.length > 0 && (
          <Card title="How it was made">
            <FactsTable facts={page.settings} />
          </Card>
        )}
      </Box>
    </>
  );
}

function selectedRow(list: Listing, showing: Showing | null): string | null {
  return showing && showing.event === list.event && showing.column === list.column ? String(showing.value) : null;
}

function selectedRange(score: Score, showing: Showing | null): Range | null {
  const here = showing?.event === "show_range" && showing.column === score.column;
  if (!here || showing.low === undefined || showing.high === undefined) return null;
  return { low: showing.low, high: showing.high, label: showing.label ?? null };
}

function ScoreCard({ page, score, showing, send }: Omit<RunProps, "progress"> & { score: Score }) {
  const [byClass, setByClass] = React.useState(false);
  const classes = (score.histogram?.classes.length ?? 0) > 1;
  const choice = (
    <>
      {classes && (
        <Button size="small" color="inherit" aria-pressed={byClass} onClick={() => setByClass(!byClass)}>
          {byClass ? "All together" : "By class"}
        </Button>
      )}
      {page.scores.length > 1 && (
        <Select
          size="small"
          variant="standard"
          value={score.column}
          SelectDisplayProps={{ "aria-label": "Score" }}
          onChange={(event) => send("choose_score", { column: event.target.value })}
          sx={{ fontSize: 13 }}
        >
          {page.scores.map((other) => (
            <MenuItem key={other.column} value={other.column}>
              {other.title}
            </MenuItem>
          ))}
        </Select>
      )}
    </>
  );
  return (
    <Card title={score.title} text={score.said} aside={choice}>
      {score.histogram ? (
        <Histogram
          data={score.histogram}
          label={score.title}
          selected={selectedRange(score, showing)}
          byClass={byClass && classes}
          onRange={(range) => send("show_range", { ...range })}
        />
      ) : (
        <Typography variant="body2" color="text.secondary">
          No sample here has this score.
        </Typography>
      )}
    </Card>
  );
}

function EndCard({ end, alone, send }: { end: End; alone: boolean; send: Send }) {
  const turn = (page: number) => send("turn_page", { which: end.which, page });
  return (
    <Card
      title={end.title}
      text={end.said}
      aside={
        <>
          <Button size="small" color="inherit" onClick={() => send("show_sorted", { which: end.which })}>
            In the grid
          </Button>
          <IconButton size="small" aria-label="Previous pictures" sx={FADED} disabled={end.page === 0} onClick={() => turn(end.page - 1)}>
            <Icon name="previous" />
          </IconButton>
          <IconButton size="small" aria-label="More pictures" sx={FADED} disabled={!end.more} onClick={() => turn(end.page + 1)}>
            <Icon name="next" />
          </IconButton>
        </>
      }
    >
      <Gallery pictures={end.pictures} label={end.title} columns={alone ? 6 : 3} onPick={(id) => send("open_sample", { id })} />
    </Card>
  );
}
