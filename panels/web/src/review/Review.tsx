// The Curation Review panel as the App draws it: one picture, what was said about it, and the keys that decide. What a
// decision does is settled in panels/review/panel.py; here it is only drawn and asked for.
import * as React from "react";
import { Alert, Box, Button, MenuItem, Select, Typography } from "@mui/material";
import { BatchView } from "./Batch";
import { AdviceCard, CompareTable, Frame, Gallery, Picture, ProgressLine, Within } from "../components";
import { mediaUrl } from "../components/text";
import { Decide } from "./Decide";
import { Author, Done, Preview } from "./Session";
import { Labels } from "./Labels";
import { WANTED } from "../components/events";
import type { Send } from "../send";
import type { ReviewCard, ReviewData } from "../types";

const KEYS: Record<string, string> = { a: "accept", k: "keep", x: "exclude", s: "skip", b: "back", u: "undo" };
const VIEWER = "[data-cy=modal]"; // the App's own, over the panel; its keys are its own
const QUICK = 9; // number keys
const PATIENCE = 8_000; // milliseconds after which a click without an answer may be made again

/** The panel without the App around it, as the test page draws it too. */
export function ReviewView({ data, send }: { data: ReviewData; send: Send }) {
  const { advice, card, batch, finished, progress, stamp } = data;
  const root = React.useRef<HTMLDivElement>(null);
  const chooser = React.useRef<HTMLInputElement>(null);
  const [sent, setSent] = React.useState<string | null>(null); // the answer after which the last click was made
  const [reason, setReason] = React.useState<string | null>(null);
  const reasons = data.reasons ?? [];
  const why = reason ?? reasons[0] ?? "";
  const [chosen, setChosen] = React.useState<string[]>([]); // classes chosen in this session, the last one first
  const [boxed, setBoxed] = React.useState(false); // whether the boxes in the picture are shown
  const [marked, setMarked] = React.useState<ReadonlySet<string>>(new Set());
  const busy = sent !== null && sent === stamp;

  const takeFocus = () => root.current?.focus({ preventScroll: true });
  const claims = React.useRef(true); // just opened, or asked for by another panel, whose button still has the focus
  React.useEffect(() => {
    const focused = document.activeElement;
    const away = claims.current && !focused?.closest(`input, textarea, ${VIEWER}`);
    if (!focused || focused === document.body || root.current?.contains(focused) || away) takeFocus();
    if (stamp) claims.current = false;
    if (data.next) new Image().src = mediaUrl(data.next);
    setMarked(new Set());
  }, [stamp]);
  React.useEffect(() => setReason(null), [data.source]);
  React.useEffect(() => {
    if (!data.wanted) return;
    claims.current = true;
    send("choose_source", { key: data.wanted });
  }, [data.wanted]);
  React.useEffect(() => {
    const choose = (ids: string[]) => {
      claims.current = true;
      send("choose_these", { ids });
    };
    const hear = (event: Event) => choose((event as CustomEvent<string[]>).detail);
    if (data.wanted_ids) choose(data.wanted_ids);
    window.addEventListener(WANTED, hear);
    return () => window.removeEventListener(WANTED, hear);
  }, [data.wanted_ids]);
  React.useEffect(() => {
    const timer = setTimeout(() => setSent(null), PATIENCE);
    return () => clearTimeout(timer);
  }, [sent]);

  const act: Send = (event, params = {}) => {
    if (busy) return; // the same key pressed twice must not decide about the next picture unseen
    if (event === "accept" && !(card?.compare ? card.compare.proposal : card?.suggested)) return;
    if (event === "exclude" && card?.compare) return;
    if (event === "undo" ? !data.undo : event === "back" ? !card && !finished : !card) return;
    if (event === "relabel") setChosen([String(params.label), ...chosen.filter((label) => label !== params.label)]);
    setSent(stamp ?? null);
    send(event, { id: card?.id, reason: why, ...params });
  };
  const quick = card && !card.compare ? quickClasses(card, chosen) : [];
  const suggests = batch?.pictures.some((picture) => picture.caption.includes("→")) ?? false;
  const decide = (verdict: string, more: Record<string, unknown> = {}) => {
    if (busy || marked.size === 0 || (verdict === "accept" && !suggests)) return;
    setSent(stamp ?? null);
    send("decide_marked", { verdict, ids: [...marked], reason: why, ...more });
  };
  const relabel = (label: string, newClass: boolean) =>
    batch ? decide("relabel", { label, new_class: newClass }) : act("relabel", { label, new_class: newClass });
  React.useEffect(() => setSent(null), [data.asks?.asked]); // the question is the answer to the last click
  const keepOne = (id: string) => act("choose_keeper", { keeper: id });
  const onKeyDown = (event: React.KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector(VIEWER)) return;
    if ((event.target as HTMLElement).closest("input, textarea, [role=listbox], [role=combobox]")) return;
    const key = event.key.toLowerCase();
    const member = card?.compare?.members[Number(key) - 1];
    const label = quick[Number(key) - 1];
    if (!["c", "o"].includes(key) && !(key in KEYS) && !member && !label) return;
    event.preventDefault();
    event.stopPropagation();
    event.nativeEvent.stopImmediatePropagation(); // the App has shortcuts of its own
    if (key === "c") chooser.current?.focus();
    else if (key === "o") setBoxed(!boxed);
    else if (member) keepOne(member.id);
    else if (label) act("relabel", { label });
    else if (batch && ["a", "k", "x"].includes(key)) decide(KEYS[key]);
    else act(KEYS[key]);
  };
  const choices = { classes: data.classes ?? [], reasons, reason: why, onReason: setReason, chooser, onLeave: takeFocus, busy };

  return (
    <Frame
      ref={root}
      tabIndex={-1}
      onKeyDown={onKeyDown}
      sx={{ gap: 1, minHeight: 300, outline: "none" }}
    >
      {advice && <AdviceCard advice={advice} send={send} />}
      {!advice && data.sources && <Head data={data} send={send} />}
      {!advice && progress && <ProgressLine progress={progress} />}
      {!advice && !!data.selected && <Selected n={data.selected} reason={why} send={send} />}
      {!advice && data.preview && <Preview preview={data.preview} send={send} />}
      {!advice && !data.preview && card?.compare && (
        <Box sx={{ display: "grid", gridTemplateColumns: "minmax(0, 1fr)", gap: 1 }}>
          <CompareTable data={card.compare} busy={busy} onKeep={keepOne} onPick={(id) => send("open_sample", { id })} />
          <Box sx={{ maxWidth: 520 }}>
            <Labels card={{ ...card, given: null, suggested: null, decided: null }} />
            <Decide key={card.id} card={card} quick={[]} act={act} {...choices} />
          </Box>
        </Box>
      )}
      {!advice && !data.preview && card && !card.compare && (
        <Box sx={{ display: "flex", flexWrap: "wrap", gap: 1.5 }}>
          <Box sx={{ flex: "1 1 180px", minWidth: 0 }}>
            <Picture path={card.path} alt={card.given ?? card.name} problem={card.problem} boxes={boxed && !card.path.includes("#xywh=") ? card.boxes : []} onPick={() => send("open_sample", { id: card.id })} />
            <Within path={card.path} others={boxed ? card.boxes.filter((one) => !one.own) : []} />
            <Box sx={{ display: "flex", alignItems: "center", gap: 1 }}>
              <Typography variant="caption" component="div" color="text.secondary" noWrap title={card.path} sx={{ flex: 1, minWidth: 0 }}>
                {progress?.place} · {card.name}
              </Typography>
              {card.boxes.some((one) => !one.own) && (
                <Button size="small" color="inherit" aria-pressed={boxed} onClick={() => setBoxed(!boxed)}>
                  {boxed ? "Hide boxes (O)" : "Boxes (O)"}
                </Button>
              )}
            </Box>
          </Box>
          <Box sx={{ flex: "1 1 225px", minWidth: 0, display: "grid", gridTemplateColumns: "minmax(0, 1fr)", gap: 1, alignContent: "start" }}>
            <Labels card={card} />
            <Decide key={card.id} card={card} quick={quick} act={act} {...choices} />
          </Box>
        </Box>
      )}
      {!advice && data.asks && <NewClass {...data.asks} onChoose={relabel} />}
      {!advice && !data.preview && batch && <BatchView batch={batch} marked={marked} onMark={setMarked} suggests={suggests} decide={decide} send={send} {...choices} />}
      {!advice && finished && <AdviceCard advice={finished} send={send} />}
      {!advice && !data.preview && (card || batch || finished) && (
        <Box sx={{ display: "flex", gap: 1, alignItems: "center", flexWrap: "wrap" }}>
          {!batch && (
            <>
              <Button size="small" color="inherit" onClick={() => act("back")}>
                Back (B)
              </Button>
              <Button size="small" color="inherit" disabled={!card} onClick={() => act("skip")}>
                Skip (S)
              </Button>
            </>
          )}
          <Button size="small" color="inherit" disabled={!data.undo} title={data.undo ? `Take back: ${data.undo}` : ""} onClick={() => act("undo")}>
            Undo (U)
          </Button>
          <Typography variant="body2" color="text.secondary" role="status" sx={{ flex: 1, minWidth: 0 }}>
            {data.said}
          </Typography>
          <Author author={data.author ?? null} onLeave={takeFocus} send={send} />
        </Box>
      )}
      {!advice && !data.preview && card && <Comparison card={card} send={send} />}
      {!advice && data.sources && <Done data={data} send={send} />}
    </Frame>
  );
}

/** Classes that a number key gives: the suggested one, the second guess, then those chosen last. */
function quickClasses(card: ReviewCard, chosen: string[]): string[] {
  const known = [card.suggested, card.second, ...chosen].filter((label): label is string => !!label && label !== card.given);
  return [...new Set(known)].slice(0, QUICK);
}

function Head({ data, send }: { data: ReviewData; send: Send }) {
  const chosen = data.sources?.find((source) => source.key === data.source);
  return (
    <Box sx={{ display: "flex", alignItems: "center", columnGap: 1, rowGap: 0.5, flexWrap: "wrap", "& .MuiButton-root": { whiteSpace: "nowrap" } }}>
      <Select
        size="small"
        variant="standard"
        value={data.source ?? ""}
        SelectDisplayProps={{ "aria-label": "Run to review" }}
        onChange={(event) => send("choose_source", { key: event.target.value })}
        sx={{ fontWeight: 600, flex: "1 1 150px", minWidth: 0 }}
      >
        {(data.sources ?? []).map((source) => (
          <MenuItem key={source.key} value={source.key}>
            {source.label} · {source.key}
          </MenuItem>
        ))}
      </Select>
      <Button size="small" color="inherit" onClick={() => send("choose_mode", { mode: data.mode === "batch" ? "card" : "batch" })}>
        {data.mode === "batch" ? "One by one" : "Side by side"}
      </Button>
      <Button size="small" color="inherit" onClick={() => send(data.in_grid ? "show_all" : "show_queue")}>
        {data.in_grid ? "Show all in the grid" : "In the grid"}
      </Button>
      {!!data.sure && !data.preview && (
        <Button size="small" color="inherit" onClick={() => send("preview_sure")}>
          Accept the {data.sure.toLocaleString("en-US")} above 95 % …
        </Button>
      )}
      {!!data.differ?.length && (
        <Button size="small" color="inherit" onClick={() => send("choose_these", { ids: data.differ })}>
          {data.differ.length} decided differently
        </Button>
      )}
      {data.these != null && (
        <Button size="small" variant="outlined" color="inherit" onClick={() => send("choose_these", { ids: [] })}>
          {data.these.toLocaleString("en-US")} selected · show the whole queue
        </Button>
      )}
      <Typography variant="body2" color="text.secondary" sx={{ flexBasis: "100%" }}>
        {[chosen?.said, data.scope].filter(Boolean).join(" · ")}
      </Typography>
    </Box>
  );
}

function Selected({ n, reason, send }: { n: number; reason: string; send: Send }) {
  const decide = (verdict: string) => send("decide_selected", { verdict, reason });
  return (
    <Alert
      severity="info"
      sx={{ py: 0 }}
      action={
        <>
          <Button size="small" color="inherit" onClick={() => decide("keep")}>
            Keep all
          </Button>
          <Button size="small" color="inherit" onClick={() => decide("exclude")}>
            Exclude all
          </Button>
        </>
      }
    >
      {n.toLocaleString("en-US")} selected in the grid
    </Alert>
  );
}

/** A typed class that no label has: one that is there was meant, or it shall be a new one. */
function NewClass({ label, meant, onChoose }: { label: string; meant: string | null; onChoose: (label: string, newClass: boolean) => void }) {
  return (
    <Alert severity="warning" sx={{ py: 0 }}>
      “{label}” is no class yet.{meant && ` Did you mean “${meant}”?`}
      <Box sx={{ display: "flex", gap: 1, flexWrap: "wrap", my: 0.5 }}>
        {meant && (
          <Button size="small" variant="outlined" color="inherit" onClick={() => onChoose(meant, false)}>
            {meant}
          </Button>
        )}
        <Button size="small" color="inherit" onClick={() => onChoose(label, true)}>
          New class “{label}”
        </Button>
      </Box>
    </Alert>
  );
}

function Comparison({ card, send }: { card: ReviewCard; send: Send }) {
  if (!card.alike.length) return null;
  return (
    <Box sx={{ display: "grid", gap: 1.5, gridTemplateColumns: `repeat(auto-fit, minmax(min(100%, ${card.alike.length > 1 ? 200 : 400}px), 1fr))` }}>
      {card.alike.map((row) => (
        <Box key={row.title} sx={{ minWidth: 0 }}>
          <Typography variant="body2" color="text.secondary" noWrap title={row.title}>
            {row.title}
          </Typography>
          <Gallery pictures={row.pictures} label={row.title} columns={card.alike.length > 1 ? 4 : 8} onPick={(id) => send("open_sample", { id })} />
        </Box>
      ))}
    </Box>
  );
}
