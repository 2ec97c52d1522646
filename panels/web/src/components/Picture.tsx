// One picture as large as its place allows, whole, on a neutral ground; a sentence where the file cannot be shown, or only
// in part. The wheel enlarges it, and the part that is seen follows the pointer; boxes can be laid over it.
import * as React from "react";
import { Box, ButtonBase } from "@mui/material";
import type { BoxInPicture } from "../types";
import { mediaUrl, shownPart } from "./text";

const LARGEST = 12; // times

interface PictureProps {
  path: string;
  alt: string;
  /** Why the file cannot be read, or not to its end. */
  problem?: string | null;
  onPick: () => void;
  boxes?: BoxInPicture[];
}

interface View {
  scale: number;
  /** Where it is enlarged, in percent of its place. */
  x: number;
  y: number;
}

const WHOLE: View = { scale: 1, x: 50, y: 50 };

export function Picture({ path, alt, problem, onPick, boxes = [] }: PictureProps) {
  const place = React.useRef<HTMLButtonElement>(null);
  const [broken, setBroken] = React.useState(false);
  const [tiny, setTiny] = React.useState(false);
  const [size, setSize] = React.useState<[number, number] | null>(null);
  const [view, setView] = React.useState(WHOLE);
  React.useEffect(() => {
    setBroken(false);
    setSize(null);
    setView(WHOLE);
  }, [path]);
  React.useEffect(() => {
    const enlarge = (event: WheelEvent) => {
      event.preventDefault(); // the panel stays where it is
      const at = pointIn(event, place.current);
      setView(({ scale }) => {
        const larger = Math.min(LARGEST, Math.max(1, scale * Math.exp(-event.deltaY / 300)));
        return larger > 1.02 ? { scale: larger, ...at } : WHOLE;
      });
    };
    const own = place.current;
    own?.addEventListener("wheel", enlarge, { passive: false });
    return () => own?.removeEventListener("wheel", enlarge);
  }, []);
  return (
    <ButtonBase
      ref={place}
      onClick={onPick}
      onPointerMove={(event) => view.scale > 1 && setView({ scale: view.scale, ...pointIn(event, place.current) })}
      onPointerLeave={() => setView(WHOLE)}
      title="Open in the App"
      data-scale={view.scale.toFixed(1)}
      sx={{ width: "100%", aspectRatio: "1", maxHeight: "50vh", borderRadius: 1, position: "relative", overflow: "hidden", bgcolor: "action.selected", color: "text.secondary", fontSize: 13, lineHeight: 1.4 }}
    >
      {broken ? (
        <Box component="span" sx={{ p: 2, overflowWrap: "anywhere" }}>
          {problem ?? "This file cannot be shown"}
        </Box>
      ) : (
        <span style={{ position: "absolute", inset: 0, transform: `scale(${view.scale})`, transformOrigin: `${view.x}% ${view.y}%` }}>
          <img
            src={mediaUrl(path)}
            alt={alt}
            draggable={false}
            onError={() => setBroken(true)}
            onLoad={({ currentTarget: { naturalWidth, naturalHeight } }) => {
              setTiny(naturalWidth <= 64);
              setSize([naturalWidth, naturalHeight]);
            }}
            // an icon's pixels are told apart better with hard edges; photographs are scaled smoothly
            style={{ width: "100%", height: "100%", objectFit: "contain", imageRendering: tiny || view.scale > 4 ? "pixelated" : "auto", ...shownPart(path) }}
          />
          {size && boxes.length > 0 && <Boxes boxes={boxes} size={size} />}
        </span>
      )}
      {problem && !broken && (
        <Box component="span" sx={{ position: "absolute", inset: "auto 0 0 0", px: 1, py: 0.5, overflowWrap: "anywhere", bgcolor: "background.paper", opacity: 0.9 }}>
          {problem}
        </Box>
      )}
    </ButtonBase>
  );
}

/** Boxes where they lie in a picture that is shown whole. */
function Boxes({ boxes, size: [width, height] }: { boxes: BoxInPicture[]; size: [number, number] }) {
  const letter = Math.max(width, height) / 32;
  return (
    <svg viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="xMidYMid meet" style={{ position: "absolute", inset: 0, width: "100%", height: "100%" }}>
      {boxes.map(({ box: [left, top, across, down], label }, number) => (
        <g key={number}>
          <rect x={left * width} y={top * height} width={across * width} height={down * height} fill="none" stroke="#ff6d04" strokeWidth={2} vectorEffect="non-scaling-stroke" />
          <text x={left * width + letter / 4} y={Math.max(letter, top * height + letter)} fontSize={letter} fill="#fff" stroke="#000" strokeWidth={letter / 6} paintOrder="stroke">
            {label}
          </text>
        </g>
      ))}
    </svg>
  );
}

/** Where the pointer is, in percent of a place. */
function pointIn(event: { clientX: number; clientY: number }, place: Element | null): { x: number; y: number } {
  const box = place?.getBoundingClientRect();
  if (!box) return { x: 50, y: 50 };
  return { x: (100 * (event.clientX - box.left)) / box.width, y: (100 * (event.clientY - box.top)) / box.height };
}
