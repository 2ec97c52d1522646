// The Curation Report panel as the App draws it. What is shown is decided in panels/report/panel.py; here it is only drawn.
import * as React from "react";
import { Alert, Box, Button, ButtonBase, MenuItem, Select, Typography } from "@mui/material";
import { AdviceCard, Card, Curve, Frame, Gallery, LookAgain, ShowingBar, Strip, tone } from "../components";
import type { MeasureRow, ReportData, ReportHistory, ReportPage, Verdict } from "../types";
import type { Send } from "../send";

const WORDS: Record<Verdict, string> = { better: "better", worse: "worse", alike: "like random" };
const COLORS = { better: tone("success"), worse: tone("error"), alike: "text.secondary" } as const;
const NONE = "none";

/** The panel without the App around it, as the test page draws it too. */
export function ReportView({ data, send }: { data: ReportData; send: Send }) {
  const { advice, showing, reports, page } = data;
  const largest = Math.max(1e-9, ...(page?.classes?.rows ?? []).flatMap((one) => [one.subset, one.set])); // fills the width
  return (
    <Frame>
      {advice && <AdviceCard advice={advice} send={send} />}
      {page && reports && (
        <>
          <Head page={page} send={send} />
          <Card title="Against random subsets" text="Gray: random subsets of the same size. Orange: this one. The right end is good.">
            <Measures rows={page.measures} other={page.other?.subset ?? null} />
          </Card>
          {page.curves.length > 0 && <Curves page={page} />}
          <Box sx={{ display: "grid", gap: 1.5, gridTemplateColumns: "repeat(auto-fit, minmax(min(100%, 330px), 1fr))", alignItems: "start" }}>
            <Card title="Clusters touched" text="Share of the clusters with a sample in the subset, by their size.">
              {page.by_size.map((one) => (
                <Shares key={one.label} label={one.label} own={one.touched} all={one.random} said={`${percent(one.touched)}, random ${percent(one.random)}`} />
              ))}
            </Card>
            {page.classes && (
              <Card title="Classes" text="Share of the subset, and thin that of the set. A click shows the class in the subset.">
                <Box sx={{ maxHeight: 320, overflowY: "auto" }}>
                  {page.classes.rows.map((one) => (
                    <Shares
                      key={one.name}
                      label={one.name}
                      own={one.subset / largest}
                      all={one.set / largest}
                      said={one.said}
                      onPick={one.n ? () => send("show_class", { name: one.name }) : undefined}
                    />
                  ))}
                </Box>
                {page.classes.hidden && (
                  <Typography variant="caption" color="text.secondary">
                    {page.classes.hidden}
                  </Typography>
                )}
              </Card>
            )}
          </Box>
          {page.clusters.map((kind) => (
            <Card key={kind.kind} title={`${kind.title} clusters`} text={`${kind.said}. A click on the text shows the cluster.`}>
              <Box sx={{ display: "grid", gap: 1.5, gridTemplateColumns: "repeat(auto-fill, minmax(200px, 1fr))" }}>
                {kind.rows.map((row) => (
                  <Box key={row.cluster} sx={{ minWidth: 0 }}>
                    <ButtonBase
                      onClick={() => send("show_cluster", { cluster: row.cluster })}
                      aria-pressed={showing?.event === "show_cluster" && showing.value === row.cluster}
                      sx={{ display: "block", width: "100%", textAlign: "left", borderRadius: 0.5, px: 0.5, "&:hover, &:focus-visible": { bgcolor: "action.selected" } }}
                    >
                      <Typography variant="caption" color="text.primary">
                        {row.text}
                      </Typography>
                    </ButtonBase>
                    <Gallery pictures={row.pictures} label={`Cluster ${row.cluster}`} columns={4} onPick={(id) => send("open_sample", { id })} />
                  </Box>
                ))}
              </Box>
            </Card>
          ))}
          <Card title="All reports" text="The newest first; a click opens one.">
            <History history={reports} other={page.other?.key ?? NONE} send={send} />
          </Card>
        </>
      )}
      <ShowingBar showing={showing} send={send} />
    </Frame>
  );
}

function Head({ page, send }: { page: ReportPage; send: Send }) {
  return (
    <Box>
      <Box sx={{ display: "flex", alignItems: "center", gap: 1 }}>
        <Typography component="h2" variant="h6" sx={{ fontSize: 18, flex: 1, minWidth: 0, overflowWrap: "anywhere" }}>
          {page.subset}
        </Typography>
        <LookAgain send={send} />
      </Box>
      <Typography sx={{ fontSize: 16 }}>{page.headline}</Typography>
      <Typography variant="body2" color="text.secondary">
        {page.said}
      </Typography>
      {page.stale && (
        <Alert
          severity="warning"
          sx={{ mt: 1 }}
          action={
            <Button size="small" color="inherit" onClick={() => send("rerun")}>
              Measure again
            </Button>
          }
        >
          {page.stale}
        </Alert>
      )}
      <Box sx={{ display: "flex", gap: 1, flexWrap: "wrap", mt: 1 }}>
        <Button size="small" variant="outlined" color="inherit" onClick={() => send("show_subset")}>
          Show the subset
        </Button>
        <Button size="small" variant="outlined" color="inherit" onClick={() => send("show_far")}>
          Show what is far from it
        </Button>
        <Button size="small" variant="outlined" color="inherit" onClick={() => send("export")}>
          Write to a file
        </Button>
        <Button size="small" variant="outlined" color="inherit" onClick={() => send("run_method", { method: "report" })}>
          New report
        </Button>
      </Box>
    </Box>
  );
}

function Measures({ rows, other }: { rows: MeasureRow[]; other: string | null }) {
  const wraps = "minmax(min-content, max-content)"; // rather than to be cut off where the panel is narrow
  const columns = `minmax(84px, 1.4fr) minmax(44px, 2fr) max-content ${other ? "max-content " : ""}${wraps} ${wraps}`;
  const head = (text: string) => (
    <Typography variant="caption" color="text.secondary" noWrap title={text} sx={{ textAlign: "right", maxWidth: 110 }}>
      {text}
    </Typography>
  );
  return (
    <Box sx={{ overflowX: "auto" }}>
      <Box sx={{ display: "grid", gridTemplateColumns: columns, columnGap: 1, rowGap: 0.25, alignItems: "center" }}>
        <span />
        <span />
        {head("this one")}
        {other && head(other)}
        {head("random")}
        <span />
        {rows.map((row) => (
          <React.Fragment key={row.name}>
            <Typography variant="body2" title={row.said}>
              {row.title}
            </Typography>
            <Strip place={row.place} others={row.random_places} beside={row.other_place} label={row.said} />
            <Typography variant="body2" sx={{ textAlign: "right" }}>
              {row.value}
            </Typography>
            {other && (
              <Typography variant="body2" sx={{ textAlign: "right", color: tone("info") }}>
                {row.other ?? "–"}
              </Typography>
            )}
            <Typography variant="body2" color="text.secondary" sx={{ textAlign: "right" }}>
              {row.random}
            </Typography>
            <Typography variant="body2" sx={{ color: COLORS[row.verdict] }}>
              {WORDS[row.verdict]}
            </Typography>
          </React.Fragment>
        ))}
      </Box>
    </Box>
  );
}

function Curves({ page }: { page: ReportPage }) {
  const [name, setName] = React.useState(page.curves[0].name);
  const curve = page.curves.find((one) => one.name === name) ?? page.curves[0];
  return (
    <Card
      title="Over the size of the subset"
      text={curve.said}
      aside={
        <Select size="small" variant="standard" value={curve.name} onChange={(event) => setName(event.target.value)} inputProps={{ "aria-label": "Measure" }}>
          {page.curves.map((one) => (
            <MenuItem key={one.name} value={one.name}>
              {one.title}
            </MenuItem>
          ))}
        </Select>
      }
    >
      <Curve data={curve} />
    </Card>
  );
}

const percent = (share: number) => `${(100 * share).toFixed(share > 0 && share < 0.1 ? 1 : 0)}%`;

interface SharesProps {
  label: string;
  own: number;
  all: number;
  said: string;
  onPick?: () => void;
}

function Shares({ label, own, all, said, onPick }: SharesProps) {
  const bar = (share: number, height: number, color: string) => (
    <Box sx={{ height, mt: "2px", width: `${Math.max(share > 0 ? 0.5 : 0, 100 * Math.min(1, share))}%`, bgcolor: color, borderRadius: 1 }} />
  );
  return (
    <ButtonBase
      disabled={!onPick}
      onClick={onPick}
      sx={{ display: "block", width: "100%", textAlign: "left", px: 0.5, py: 0.5, borderRadius: 0.5, "&:hover, &:focus-visible": { bgcolor: "action.selected" } }}
    >
      <Box sx={{ display: "flex", gap: 1 }}>
        <Typography variant="body2" noWrap sx={{ flex: 1, color: "text.primary" }}>
          {label}
        </Typography>
        <Typography variant="body2" color="text.secondary">
          {said}
        </Typography>
      </Box>
      {bar(own, 5, "primary.main")}
      {bar(all, 2, "text.secondary")}
    </ButtonBase>
  );
}

function History({ history, other, send }: { history: ReportHistory; other: string; send: Send }) {
  const open = history.rows.find((row) => row.open);
  return (
    <Box sx={{ overflowX: "auto" }}>
      <Box sx={{ display: "grid", gridTemplateColumns: `minmax(120px, 1fr) repeat(${history.titles.length + 2}, max-content)`, columnGap: 2, rowGap: 0.25, alignItems: "center" }}>
        {["Subset", "Size", ...history.titles, "Made"].map((title, index) => (
          <Typography key={title} variant="caption" color="text.secondary" sx={{ textAlign: index ? "right" : "left" }}>
            {title}
          </Typography>
        ))}
        {history.rows.map((row) => (
          <React.Fragment key={row.key}>
            <ButtonBase
              onClick={() => send("open_report", { key: row.key })}
              aria-pressed={row.open}
              sx={{ justifyContent: "flex-start", minWidth: 0, px: 0.5, borderRadius: 0.5, bgcolor: row.open ? "action.selected" : "transparent", "&:hover, &:focus-visible": { bgcolor: "action.selected" } }}
            >
              <Typography variant="body2" noWrap title={`${row.subset} · ${row.key}`}>
                {row.subset}
              </Typography>
            </ButtonBase>
            <Typography variant="body2" sx={{ textAlign: "right" }}>
              {row.size}
            </Typography>
            {row.cells.map((cell, index) => (
              <Typography key={index} variant="body2" title={WORDS[cell.verdict]} sx={{ textAlign: "right", color: COLORS[cell.verdict] }}>
                {cell.text}
              </Typography>
            ))}
            <Typography variant="body2" color="text.secondary" noWrap sx={{ textAlign: "right" }}>
              {row.when}
            </Typography>
          </React.Fragment>
        ))}
      </Box>
      {history.rows.length > 1 && (
        <Box sx={{ display: "flex", alignItems: "center", gap: 1, mt: 1 }}>
          <Typography variant="body2" color="text.secondary">
            Beside the open one:
          </Typography>
          <Select
            size="small"
            variant="standard"
            value={other}
            inputProps={{ "aria-label": "Compare with" }}
            onChange={(event) => send("compare_with", { key: event.target.value === NONE ? null : event.target.value })}
          >
            <MenuItem value={NONE}>none</MenuItem>
            {history.rows
              .filter((row) => row !== open)
              .map((row) => (
                <MenuItem key={row.key} value={row.key}>
                  {row.subset} ({row.key})
                </MenuItem>
              ))}
          </Select>
        </Box>
      )}
    </Box>
  );
}
