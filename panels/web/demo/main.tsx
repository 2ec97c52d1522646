// Each state of the panels, in both themes: ?theme=light|dark and
// show=home|run|empty|review|copies|batch|reviewed|plane|space|chosen.
import * as React from "react";
import { createRoot } from "react-dom/client";
import { createTheme, CssBaseline, ThemeProvider } from "@mui/material";
import { CurationView } from "../src/Curation";
import { MapView } from "../src/Map";
import { ReviewView } from "../src/Review";
import type { MapData } from "../src/mapTypes";
import type { CurationData, ReviewData, Send } from "../src/types";
import { batch, copies, empty, home, review, reviewed, run } from "./data";

import { mapData } from "./map";

const asked = new URLSearchParams(location.search);
const states: Record<string, CurationData> = { home, run, empty };
const reviews: Record<string, ReviewData> = { review, copies, batch, reviewed };
const made = { plane: mapData(2, false), space: mapData(3, false), chosen: mapData(2, true) };
const maps: Record<string, () => MapData> = { plane: () => made.plane, space: () => made.space, chosen: () => made.chosen };
const theme = createTheme({ palette: { mode: asked.get("theme") === "light" ? "light" : "dark", primary: { main: "#ff6d04" } } });

// no server hands out files here: an address that carries a drawn picture is turned back into that picture
new MutationObserver(() => {
  document.querySelectorAll<HTMLImageElement>('img[src^="/media?filepath=data"]').forEach((image) => {
    image.src = decodeURIComponent(image.getAttribute("src")!.slice("/media?filepath=".length));
  });
}).observe(document.body, { childList: true, subtree: true });

function Page() {
  const [said, setSaid] = React.useState("");
  const send: Send = (event, params) => setSaid(`${event} ${JSON.stringify(params ?? {})}`);
  const show = asked.get("show") ?? "home";
  return (
    <ThemeProvider theme={theme}>
      <CssBaseline />
      {show in maps ? <MapView data={maps[show]()} send={send} /> : show in reviews ? <ReviewView data={reviews[show]} send={send} /> : <CurationView data={states[show]} send={send} />}
      <output style={{ position: "fixed", bottom: 0, right: 0, fontFamily: "monospace" }}>{said}</output>
    </ThemeProvider>
  );
}

createRoot(document.getElementById("root")!).render(<Page />);
