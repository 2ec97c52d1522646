// The Curation panel as the App draws it: the dashboard, or the page of one run. What is shown and what
// a click does is decided in panels/curation/panel.py; here it is only drawn.
import * as React from "react";
import { Box, Button, Typography } from "@mui/material";
import { AdviceCard, Frame, LookAgain, ShowingBar } from "../components";
import { Dashboard, type Unfolded } from "./Dashboard";
import { RunView } from "./RunView";
import type { Send } from "../send";
import type { CurationData } from "../types";

/** The panel without the App around it, as the test page draws it too. */
export function CurationView({ data, send }: { data: CurationData; send: Send }) {
  const { advice, scope, showing, home, page, progress } = data;
  const top = React.useRef<HTMLDivElement>(null);
  const opened = React.useRef(page?.key);
  const [unfolded, setUnfolded] = React.useState<Unfolded>(null); // stays as it is while a run's page is open
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
            {home && !page && !scope.narrowed ? home.summary : scope.text}
          </Typography>
          {scope.narrowed && (
            <Button size="small" color="inherit" onClick={() => send("whole_dataset")}>
              Whole dataset
            </Button>
          )}
          <LookAgain send={send} />
        </Box>
      )}
      {advice && <AdviceCard advice={advice} send={send} />}
      {page && <RunView page={page} progress={progress?.key === page.key ? progress : page.progress ?? null} showing={showing ?? null} send={send} />}
      {home && !page && <Dashboard home={home} unfolded={unfolded} onUnfold={setUnfolded} send={send} />}
      <ShowingBar showing={showing} send={send} />
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
