// Bars with a brush: a click takes one, a drag a range; with the keyboard the arrows walk, Shift extends and Enter takes.
import * as React from "react";
import { Box } from "@mui/material";

interface BarsProps {
  /** One more than bars, rising. */
  edges: number[];
  counts: number[];
  label: string;
  height: number;
  selected: [number, number] | null;
  /** Something else is selected. */
  faded: boolean;
  onRange: (low: number, high: number) => void;
  /** The bars under the pointer or the keys; null when there are none. */
  onLook: (from: number | null, to: number | null) => void;
}

export function Bars({ edges, counts, label, height, selected, faded, onRange, onLook }: BarsProps) {
  const top = Math.max(1, ...counts);
  const last = counts.length - 1;
  const [drag, setDrag] = React.useState<[number, number] | null>(null);
  const [hover, setHover] = React.useState<number | null>(null);
  const plot = React.useRef<HTMLDivElement | null>(null);
  const [from, to] = drag ? [Math.min(...drag), Math.max(...drag)] : [hover, hover];
  React.useEffect(() => onLook(from, to), [from, to]);

  const barAt = (event: React.PointerEvent): number => {
    const box = plot.current!.getBoundingClientRect();
    const share = (event.clientX - box.left) / Math.max(1, box.width);
    return Math.max(0, Math.min(last, Math.floor(share * counts.length)));
  };
  const take = (a: number, b: number) => onRange(edges[Math.min(a, b)], edges[Math.max(a, b) + 1]);

  const onKeyDown = (event: React.KeyboardEvent) => {
    const [anchor, at] = drag ?? [hover ?? 0, hover ?? 0];
    if (event.key === "Enter" || event.key === " ") {
      take(anchor, at);
      setDrag(null);
    } else if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
      const goal = Math.max(0, Math.min(last, at + (event.key === "ArrowRight" ? 1 : -1)));
      setDrag(event.shiftKey ? [anchor, goal] : [goal, goal]);
      setHover(goal);
    } else if (event.key === "Escape") {
      setDrag(null);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };

  const taken = (index: number): boolean => {
    if (drag) return index >= Math.min(...drag) && index <= Math.max(...drag);
    if (!selected) return !faded;
    const middle = (edges[index] + edges[index + 1]) / 2;
    return middle >= selected[0] && middle <= selected[1];
  };

  return (
    <Box
      ref={plot}
      role="slider"
      tabIndex={0}
      aria-label={label}
      aria-valuemin={edges[0]}
      aria-valuemax={edges[edges.length - 1]}
      aria-valuenow={edges[hover ?? 0]}
      onKeyDown={onKeyDown}
      onBlur={() => setDrag(null)}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        const bar = barAt(event);
        setDrag([bar, bar]);
      }}
      onPointerMove={(event) => {
        const bar = barAt(event);
        setHover(bar);
        if (drag && event.buttons) setDrag([drag[0], bar]);
      }}
      onPointerUp={(event) => {
        if (drag) take(drag[0], barAt(event));
        setDrag(null);
      }}
      onPointerCancel={() => setDrag(null)}
      onPointerLeave={() => setHover(null)}
      sx={{ display: "flex", alignItems: "flex-end", height, minWidth: 0, cursor: "crosshair", touchAction: "none", userSelect: "none", borderBottom: 1, borderColor: "divider", outlineOffset: 2 }}
    >
      {counts.map((n, index) => (
        <Box
          key={index}
          data-bar={index}
          sx={{ flex: 1, height: "100%", display: "flex", alignItems: "flex-end", px: "0.5px", bgcolor: from !== null && to !== null && index >= from && index <= to ? "action.hover" : "transparent" }}
        >
          <Box
            sx={{
              width: "100%",
              // a bar of one sample beside one of ten thousand must still be there to be clicked
              height: n ? `max(3px, ${(100 * n) / top}%)` : 0,
              borderRadius: "2px 2px 0 0",
              bgcolor: "primary.main",
              opacity: taken(index) ? 1 : 0.3,
            }}
          />
        </Box>
      ))}
    </Box>
  );
}
