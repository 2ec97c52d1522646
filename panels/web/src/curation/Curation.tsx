// The Curation panel as the App draws it: the home page with the stages, or the page of one run. What is shown and what
// a click does is decided in panels/curation/panel.py; here it is only drawn.
import * as React from "react";
import { Box, Button, Tooltip, Typography } from "@mui/material";
import { AdviceCard, Card, Frame, LookAgain, ShowingBar, StageBoard } from "../components";
import { RunView } from "./RunView";
import type { CurationData, Home, Send } from "../types";

/** The panel without the App around it, as the test page draws it too. */
export function CurationView({ data, send }: { data: CurationData; send: Send }) {
  const { advice, scope, showing, home, page, progress } = data;
  const top = React.useRef<HTMLDivElement>(null);
  const opened = React.useRef(page?.key);
  React.useEffect(() => {
    if (opened.current !== page?.key) top.current?.scrollIntoView({ block: "start" }); // another page begins at its top
    opened.current = page?.key;
  }, [page?.key]);
  usePolling(send, page ? page.progress?.poll : home?.poll);
  return (
    <Frame ref={top}>
      {scope && (
        <Box sx={{ display: "flex", alignItems: "center", gap: 1, flexWrap: "wrap" }}>
          <Typography variant="body2" color="text.secondary" sx={{ flex: 1 }}>
            {scope.text}
          </Typography>
          {scope.narrowed && (
            <Button size="small" color="inherit" onClick={() => send("whole_dataset")}>
              Whole dataset
            </Button>
          )}
          <LookAgain send={send} />
        </Box>
      )}
      <ShowingBar showing={showing} send={send} />
      {advice && <AdviceCard advice={advice} send={send} />}
      {page && <RunView page={page} progress={progress?.key === page.key ? progress : page.progress ?? null} showing={showing ?? null} send={send} />}
      {home && !page && <HomeView home={home} send={send} />}
    </Frame>
  );
}

/** Asks every so many seconds how what runs is getting on. */
function usePolling(send: Send, seconds: number | null | undefined) {
  const latest = React.useRef(send);
  latest.current = send;
  React.useEffect(() => {
    if (!seconds) return undefined;
    const timer = setInterval(() => latest.current("poll"), 1000 * seconds);
    return () => clearInterval(timer);
  }, [seconds]);
}

function HomeView({ home, send }: { home: Home; send: Send }) {
  return (
    <>
      <AdviceCard advice={home.next} send={send} />
      <StageBoard
        stages={home.stages}
        onOpen={(key) => send("open_run", { key })}
        onAct={(action) => send(action.event, action.params)}
      />
      <Card title="Act" text="Decide about samples, save and hand on what was found, and repeat it elsewhere.">
        <Box sx={{ display: "flex", gap: 1, flexWrap: "wrap" }}>
          {home.acts.map(({ help, action }) => (
            <Tooltip key={action.label} title={help}>
              <Button size="small" variant="outlined" color="inherit" onClick={() => send(action.event, action.params)}>
                {action.label}
              </Button>
            </Tooltip>
          ))}
        </Box>
      </Card>
    </>
  );
}
