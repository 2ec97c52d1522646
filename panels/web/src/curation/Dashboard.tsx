// The Curation panel's first page: one thing to do next, what was found and how much of it is left, what that has won.
// The methods stand behind one line at its foot.
import * as React from "react";
import { Box, Button, LinearProgress, Link, Tooltip, Typography } from "@mui/material";
import { AdviceCard, Card, Icon, ProgressBar, Sparkline, StageBoard, tone } from "../components";
import { BOX, Do, Kinds } from "./Kinds";
import type { Send } from "../send";
import type { Action, Home } from "../types";

const STRENGTH = { good: tone("success"), weak: tone("warning"), none: tone("error") } as const;

/** What is unfolded at the foot of the page. */
export type Unfolded = "methods" | "history" | null;

interface DashboardProps {
  home: Home;
  unfolded: Unfolded;
  onUnfold: (part: Unfolded) => void;
  send: Send;
}

export function Dashboard({ home, unfolded, onUnfold, send }: DashboardProps) {
  const methods = home.stages.reduce((sum, stage) => sum + stage.methods.length, 0);
  const act = (action: Action) => send(action.event, action.params);
  const toggle = (part: Exclude<Unfolded, null>, text: string) => (
    <Link component="button" type="button" color="text.secondary" underline="hover" aria-expanded={unfolded === part} onClick={() => onUnfold(unfolded === part ? null : part)} sx={{ display: "inline-flex", alignItems: "center", fontSize: 14 }}>
      <Icon name={unfolded === part ? "up" : "down"} /> {text}
    </Link>
  );
  return (
    <>
      <Box sx={{ "& > section": { borderColor: home.next.action ? "primary.main" : "divider" } }}>
        <AdviceCard advice={home.next} send={send} />
      </Box>
      {home.running.map((run) => (
        <Line key={run.key} title={run.label} text={run.said} below={<ProgressBar share={run.share} label={`${run.label}: progress`} />} />
      ))}
      {home.failed.map((run) => (
        <Line key={run.key} title={run.label} text={run.why} mark={tone("error")} actions={run.actions} act={act} />
      ))}
      {home.evidence && <Evidence evidence={home.evidence} act={act} />}
      <Kinds kinds={home.findings} send={send} />
      {home.gaps && (
        <Box component="section" aria-label="Not checked" sx={{ ...BOX, py: 0.75 }}>
          <Box sx={{ flex: "1 1 260px", minWidth: 0 }}>
            <Typography sx={{ fontWeight: 600, fontSize: 15 }}>Not checked throughout</Typography>
            {home.gaps.rows.map((gap) => (
              <Typography key={gap.why} variant="body2" color="text.secondary">
                {gap.title}: {gap.why}
              </Typography>
            ))}
          </Box>
          <Do action={home.gaps.action} act={act} plain />
        </Box>
      )}
      {home.won && <Won won={home.won} act={act} />}
      <Box sx={{ display: "flex", gap: 3, flexWrap: "wrap" }}>
        {toggle("methods", `All methods (${methods})`)}
        {home.history.length > 0 && toggle("history", `History (${home.history.length})`)}
      </Box>
      {unfolded === "methods" && <Catalogue home={home} act={act} send={send} />}
      {unfolded === "history" && (
        <Card title="Checks, the newest first">
          {home.history.map((check, at) => (
            <Box key={at} sx={{ display: "flex", gap: 1.5, py: 0.5, borderTop: 1, borderColor: "divider" }}>
              <Typography variant="body2" color="text.secondary" sx={{ width: 120, flexShrink: 0 }}>
                {check.when}
              </Typography>
              <Typography variant="body2">{check.text}</Typography>
            </Box>
          ))}
        </Card>
      )}
    </>
  );
}

function Evidence({ evidence, act }: { evidence: NonNullable<Home["evidence"]>; act: (action: Action) => void }) {
  const share = Math.max(0, Math.min(1, 2 * evidence.share - 1)); // one half is a guess
  return (
    <Box component="section" aria-label="Evidence" sx={BOX}>
      <Box sx={{ flex: "1 1 260px", minWidth: 0 }}>
        <Typography sx={{ fontWeight: 600, fontSize: 15 }}>
          Evidence{" "}
          <Box component="span" sx={{ color: STRENGTH[evidence.word] }}>
            {evidence.word}
          </Box>
        </Typography>
        <Typography variant="body2" color="text.secondary">
          {evidence.text}
        </Typography>
      </Box>
      <LinearProgress variant="determinate" value={100 * share} color={evidence.word === "good" ? "success" : "warning"} aria-label="How well the embeddings tell the classes" sx={{ width: 150, height: 6, borderRadius: 3, bgcolor: "action.selected" }} />
      {evidence.action && <Do action={evidence.action} act={act} plain />}
    </Box>
  );
}

function Won({ won, act }: { won: NonNullable<Home["won"]>; act: (action: Action) => void }) {
  return (
    <Box component="section" aria-label="What it won" sx={BOX}>
      <Box sx={{ flex: "1 1 260px", minWidth: 0 }}>
        <Typography sx={{ fontWeight: 600, fontSize: 15 }}>
          {won.first ? "What it won: " : "Where it stands: "}
          {won.first && (
            <Box component="span" sx={{ color: "text.secondary", fontWeight: 400 }}>
              {won.first} →{" "}
            </Box>
          )}
          {won.now} right
          <Box component="span" sx={{ color: "text.secondary", fontWeight: 400 }}>
            {" "}
            ({won.interval})
          </Box>
        </Typography>
        <Typography variant="body2" color="text.secondary">
          {won.text}
        </Typography>
      </Box>
      <Sparkline values={won.curve} label="Accuracy, check by check" best="high" />
      <Do action={won.action} act={act} plain />
    </Box>
  );
}

interface LineProps {
  title: string;
  text: string | null;
  mark?: ReturnType<typeof tone>;
  actions?: Action[];
  act?: (action: Action) => void;
  below?: React.ReactNode;
}

/** One line: what, why, and what can be done about it. */
function Line({ title, text, mark, actions, act, below }: LineProps) {
  return (
    <Box sx={{ ...BOX, py: 0.75 }}>
      <Box sx={{ flex: "1 1 260px", minWidth: 0 }}>
        <Typography variant="body2">
          <Box component="span" sx={{ fontWeight: 600, color: mark ?? "text.primary" }}>
            {title}
          </Box>{" "}
          <Box component="span" sx={{ color: "text.secondary" }}>
            {text}
          </Box>
        </Typography>
        {below}
      </Box>
      {actions?.map((action) => act && <Do key={action.label} action={action} act={act} plain />)}
    </Box>
  );
}

/** Every method, stage by stage, and what can be done with the samples. */
function Catalogue({ home, act, send }: { home: Home; act: (action: Action) => void; send: Send }) {
  return (
    <>
      <StageBoard stages={home.stages} onOpen={(key) => send("open_run", { key })} onAct={act} />
      <Card title="Act" text="Decide about samples, save and hand on what was found, and repeat it elsewhere.">
        <Box sx={{ display: "flex", gap: 1, flexWrap: "wrap" }}>
          {home.acts.map(({ help, action }) => (
            <Tooltip key={action.label} title={help} describeChild>
              <Button size="small" variant="outlined" color="inherit" onClick={() => act(action)}>
                {action.label}
              </Button>
            </Tooltip>
          ))}
        </Box>
      </Card>
    </>
  );
}
