// The test page: each component by itself, and each state of the panels, in both themes and without the App. In the browser
// by `npm run demo`: ?theme=light|dark & show=components|home|run|empty|review|copies|batch|reviewed|plane|space|chosen|report|reports|
// unreported|compared|growing|single|unselected; and drawn by tests/browser/test_components.py, which calls `curatorPage.draw`.
import * as React from "react";
import * as ReactDOM from "react-dom";
import { createTheme, CssBaseline, ThemeProvider } from "@mui/material";
import { CurationView } from "../src/curation/Curation";
import { ComparisonView } from "../src/compare/Comparison";
import { MapView } from "../src/map/Map";
import { ReportView } from "../src/report/Report";
import { ReviewView } from "../src/review/Review";
import type { Send } from "../src/send";
import type { ComparisonData, CurationData, MapData, ReportData, ReviewData } from "../src/types";
import { Components } from "./components";
import { batch, copies, empty, home, review, reviewed, run } from "./data";
import { compared, growing, single, unselected } from "./comparison";
import { mapData } from "./map";
import { report, reports, unreported } from "./report";

const CURATION: Record<string, CurationData> = { home, run, empty };
const REVIEW: Record<string, ReviewData> = { review, copies, batch, reviewed };
const REPORTS: Record<string, ReportData> = { report, reports, unreported };
const COMPARISONS: Record<string, ComparisonData> = { compared, growing, single, unselected };
const MAPS: Record<string, () => MapData> = { plane: () => mapData(2, false), space: () => mapData(3, false), chosen: () => mapData(2, true) };

function Page({ show, mode }: { show: string; mode: "light" | "dark" }) {
  const [said, setSaid] = React.useState("");
  const send: Send = (event, params) => setSaid(`${event} ${JSON.stringify(params ?? {})}`);
  const map = React.useMemo(() => MAPS[show]?.(), [show]);
  const theme = createTheme({ palette: { mode, primary: { main: "#ff6d04" } } });
  return (
    <ThemeProvider theme={theme}>
      <CssBaseline />
      {show === "components" && <Components send={send} />}
      {show in REVIEW && <ReviewView data={REVIEW[show]} send={send} />}
      {show in REPORTS && <ReportView data={REPORTS[show]} send={send} />}
      {show in COMPARISONS && <ComparisonView data={COMPARISONS[show]} send={send} />}
      {map && <MapView data={map} send={send} />}
      {show in CURATION && <CurationView data={CURATION[show]} send={send} />}
      <output style={{ position: "fixed", bottom: 0, right: 0, fontFamily: "monospace" }}>{said}</output>
    </ThemeProvider>
  );
}

/** Draw one page, in place of whatever the document holds. */
export function draw(show: string, mode: "light" | "dark") {
  document.body.innerHTML = '<div id="page"></div>';
  document.body.style.overflow = "auto";
  document.body.style.height = "auto";
  // no server hands out these files: an address that carries a drawn picture is turned back into that picture
  new MutationObserver(() => {
    document.querySelectorAll<HTMLImageElement>('img[src^="/media?filepath=data"]').forEach((image) => {
      image.src = decodeURIComponent(image.getAttribute("src")!.slice("/media?filepath=".length));
    });
  }).observe(document.body, { childList: true, subtree: true });
  ReactDOM.render(<Page show={show} mode={mode} />, document.getElementById("page"));
}
