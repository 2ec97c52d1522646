// Pictures with captions. Click or Enter opens one; the arrow keys walk, so that Tab enters and leaves in one step. Where
// pictures can be marked, a click marks one and a second click the range up to there, as Shift does; Ctrl adds single ones.
import * as React from "react";
import { Box, ButtonBase, Tooltip, Typography } from "@mui/material";
import type { Picture } from "../types";
import { ClassName } from "./Names";
import { Thumbnail } from "./Thumbnail";

const TWO_LINES = { lineHeight: 1.35, display: "-webkit-box", WebkitBoxOrient: "vertical", WebkitLineClamp: "2", overflow: "hidden", overflowWrap: "anywhere" };

interface GalleryProps {
  pictures: Picture[];
  label: string;
  /** A picture was clicked, or double-clicked where clicks mark. */
  onPick: (id: string) => void;
  columns?: number;
  /** Ids of the marked pictures, where pictures can be marked. */
  marked?: ReadonlySet<string>;
  onMark?: (ids: Set<string>) => void;
}

export function Gallery({ pictures, label, onPick, columns = 3, marked, onMark }: GalleryProps) {
  const [current, setCurrent] = React.useState(0);
  const [anchor, setAnchor] = React.useState<number | null>(null); // where a range begins that waits for its end
  const items = React.useRef<(HTMLButtonElement | null)[]>([]);
  const last = pictures.length - 1;
  const focusable = Math.min(current, last);
  const captioned = pictures.some((picture) => picture.caption);
  React.useEffect(() => {
    if (!marked?.size) setAnchor(null);
  }, [marked]);

  const range = (from: number, to: number) =>
    new Set(pictures.slice(Math.min(from, to), Math.max(from, to) + 1).map((picture) => picture.id));
  const mark = (index: number, event: { shiftKey: boolean; ctrlKey: boolean; metaKey: boolean }) => {
    if (!marked || !onMark) return;
    const { id } = pictures[index];
    if (event.ctrlKey || event.metaKey) {
      const next = new Set(marked);
      if (!next.delete(id)) next.add(id);
      setAnchor(null);
      onMark(next);
    } else if (event.shiftKey || (anchor !== null && anchor !== index)) {
      onMark(range(anchor ?? focusable, index));
      if (!event.shiftKey) setAnchor(null);
    } else {
      setAnchor(anchor === index ? null : index);
      onMark(anchor === index ? new Set() : new Set([id]));
    }
  };

  const onKeyDown = (event: React.KeyboardEvent) => {
    const steps: Record<string, number> = { ArrowRight: 1, ArrowDown: columns, ArrowLeft: -1, ArrowUp: -columns };
    if (marked && event.key === " ") {
      mark(focusable, event);
    } else if (event.key === "Enter") {
      onPick(pictures[focusable].id);
    } else {
      const wanted = event.key === "Home" ? 0 : event.key === "End" ? last : event.key in steps ? focusable + steps[event.key] : null;
      if (wanted === null) return;
      const goal = Math.max(0, Math.min(last, wanted));
      if (marked && event.shiftKey) {
        const from = anchor ?? focusable;
        setAnchor(from);
        onMark?.(range(from, goal));
      }
      items.current[goal]?.focus();
    }
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <Box
      role="group"
      aria-label={label}
      onKeyDown={onKeyDown}
      sx={{ display: "grid", gap: 0.5, alignItems: "start", userSelect: marked ? "none" : "auto", gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))` }}
    >
      {pictures.map((picture, index) => (
        <Tooltip key={picture.id} title={<Large picture={picture} />} enterDelay={350} enterNextDelay={120} describeChild disableInteractive slotProps={LARGE}>
        <ButtonBase
          ref={(element: HTMLButtonElement | null) => (items.current[index] = element)}
          tabIndex={index === focusable ? 0 : -1}
          data-picture={picture.id}
          aria-pressed={marked ? marked.has(picture.id) : undefined}
          onFocus={() => setCurrent(index)}
          onClick={(event) => (marked ? event.detail > 0 && mark(index, event) : onPick(picture.id))}
          onDoubleClick={() => marked && onPick(picture.id)}
          sx={{
            display: "block",
            position: "relative",
            textAlign: "left",
            minWidth: 0,
            p: 0.5,
            borderRadius: 1,
            border: 2,
            borderColor: marked?.has(picture.id) ? "primary.main" : "transparent",
            bgcolor: marked?.has(picture.id) ? "action.selected" : "transparent",
            opacity: picture.decided ? 0.45 : 1,
            "&::before": picture.begins ? { content: '""', position: "absolute", left: -5, top: 2, bottom: 2, width: 3, borderRadius: 1, bgcolor: "primary.main" } : undefined,
            "&:hover, &:focus-visible": { borderColor: "primary.main", bgcolor: "action.hover" },
          }}
        >
          <Thumbnail path={picture.path} alt={picture.caption || `Picture ${index + 1}`} />
          {captioned && (
            <Typography variant="caption" component="div" noWrap={!picture.suggested} color="text.primary" sx={{ mt: 0.25, minHeight: "1.6em", lineHeight: 1.35, overflowWrap: "anywhere" }}>
              {picture.suggested ? <Change picture={picture} /> : picture.caption}
            </Typography>
          )}
          {(picture.decided || picture.note) && (
            <Typography variant="caption" component="div" color="text.secondary" sx={TWO_LINES}>
              {picture.decided ?? picture.note}
            </Typography>
          )}
        </ButtonBase>
        </Tooltip>
      ))}
    </Box>
  );
}

const LARGE = { tooltip: { sx: { maxWidth: 320, p: 0.75, bgcolor: "background.paper", color: "text.primary", border: 1, borderColor: "divider", boxShadow: 8 } } };

/** What is seen while the pointer, or the keyboard, is on a picture. */
function Large({ picture }: { picture: Picture }) {
  return (
    <Box sx={{ width: 300 }}>
      <Thumbnail path={picture.path} alt="" />
      <Typography variant="caption" component="div" sx={{ overflowWrap: "anywhere" }}>
        {[picture.caption, picture.note, picture.decided].filter(Boolean).join(" · ")}
      </Typography>
    </Box>
  );
}

/** From the given class to the suggested one, each in full. */
function Change({ picture: { given, suggested } }: { picture: Picture }) {
  return (
    <>
      <Box component="span" sx={{ color: "text.secondary" }}>
        <ClassName text={given ?? ""} beside={suggested} /> →{" "}
      </Box>
      <ClassName text={suggested ?? ""} beside={given} />
    </>
  );
}
