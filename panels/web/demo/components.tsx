// Every component by itself, with made-up data. What it asks for is written to the page's output.
import * as React from "react";
import { Box, Typography } from "@mui/material";
import { ActionBar, AdviceCard, Card, CompareTable, Curve, FactsTable, Gallery, Histogram, Icon, ListWithThumbnails, LookAgain, Matrix, Picture, ProgressLine, Quadrants, ShowingBar, Sparkline, StageBoard, StateMark, Strip, Thumbnail, Within } from "../src/components";
import type { Send } from "../src/send";
import { copies, home, review, run } from "./data";

const page = run.page!;
const STATES = ["none", "running", "done", "stale", "failed"] as const;
const compare = copies.card!.compare!;

function Marking({ send }: { send: Send }) {
  const [marked, setMarked] = React.useState<ReadonlySet<string>>(new Set());
  const mark = (ids: Set<string>) => {
    setMarked(ids);
    send("mark", { ids: [...ids] });
  };
  return <Gallery pictures={[...page.ends[0].pictures]} label="Marking" columns={6} marked={marked} onMark={mark} onPick={(id) => send("open", { id })} />;
}

const COMPONENTS: Record<string, (send: Send) => React.ReactNode> = {
  ActionBar: (send) => <ActionBar actions={page.actions} send={send} />,
  AdviceCard: (send) => <AdviceCard advice={home.home!.next} send={send} />,
  Card: () => <Card title="A title" text="A sentence." aside="aside">What it holds.</Card>,
  CompareTable: (send) => <CompareTable data={compare} busy={false} onPick={(id) => send("open", { id })} onKeep={(id) => send("keep", { id })} />,
  Curve: () => <Curve data={page.curve!} />,
  FactsTable: () => <FactsTable facts={page.facts} />,
  Gallery: (send) => <Gallery pictures={page.ends[1].pictures} label="Worst" onPick={(id) => send("open", { id })} />,
  Marking: (send) => <Marking send={send} />,
  Histogram: (send) => <Histogram data={page.score!.histogram!} label="Quality" selected={null} byClass={false} onRange={(range) => send("range", { ...range })} />,
  HistogramByClass: (send) => <Histogram data={page.score!.histogram!} label="Quality" selected={null} byClass onRange={(range) => send("range", { ...range })} />,
  ListWithThumbnails: (send) => <ListWithThumbnails list={page.lists[0]} selected="3" onPick={(row) => send("row", { value: row.value })} />,
  LookAgain: (send) => <LookAgain send={send} />,
  Matrix: (send) => <Matrix data={page.matrix!} selected={["one", "one"]} onPick={(row, column) => send("cell", { row, column })} />,
  Picture: (send) => <Box sx={{ width: 200 }}><Picture path={review.card!.path} alt="an eight" onPick={() => send("open")} /></Box>,
  ProgressLine: () => <ProgressLine progress={review.progress!} />,
  Quadrants: (send) => <Quadrants data={page.quadrants!} selected="hard" onQuadrant={(name) => send("quadrant", { name })} onBox={(box) => send("box", box)} />,
  ShowingBar: (send) => <ShowingBar showing={run.showing} send={send} />,
  Sparkline: () => <Sparkline values={[46, 45, 20, 7]} label="Left to decide" best="low" />,
  StageBoard: (send) => <StageBoard stages={home.home!.stages} onOpen={(key) => send("open_run", { key })} onAct={(action) => send(action.event, action.params)} />,
  StateMark: () => <Box sx={{ display: "flex", gap: 1 }}>{STATES.map((state) => <StateMark key={state} state={state} />)}<Icon name="bulb" /></Box>,
  Strip: () => <Strip place={0.9} others={[0.2, 0.3, 0.35]} beside={0.5} label="A measure of a subset, of random ones and of another" />,
  Thumbnail: () => <Box sx={{ display: "flex", gap: 1 }}><Thumbnail path={review.card!.path} alt="an eight" size={48} /><Thumbnail path="missing.png" alt="a missing file" size={48} /></Box>,
  Within: () => <Box sx={{ width: 200, minHeight: 48 }}><Within path={`${review.card!.path}#xywh=0.25,0.1,0.5,0.75`} /></Box>,
};

export function Components({ send }: { send: Send }) {
  return (
    <Box sx={{ p: 2, display: "grid", gap: 3, width: 640, "& .MuiButton-root": { textTransform: "none" } }}>
      {Object.entries(COMPONENTS).map(([name, draw]) => (
        <Box key={name} data-component={name} sx={{ minWidth: 0 }}>
          <Typography variant="overline" component="div">
            {name}
          </Typography>
          {draw(send)}
        </Box>
      ))}
    </Box>
  );
}
