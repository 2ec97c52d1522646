// Pictures with captions. Click or Enter opens one; the arrow keys walk, so that Tab enters and leaves in one step.
import * as React from "react";
import { Box, ButtonBase, Typography } from "@mui/material";
import type { Picture } from "../types";
import { Thumbnail } from "./Thumbnail";

interface GalleryProps {
  pictures: Picture[];
  label: string;
  onPick: (id: string) => void;
  columns?: number;
}

export function Gallery({ pictures, label, onPick, columns = 3 }: GalleryProps) {
  const [current, setCurrent] = React.useState(0);
  const items = React.useRef<(HTMLButtonElement | null)[]>([]);
  const focusable = Math.min(current, pictures.length - 1);

  const walk = (event: React.KeyboardEvent) => {
    const steps: Record<string, number> = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
    const last = pictures.length - 1;
    const goal =
      event.key === "Home" ? 0 : event.key === "End" ? last : event.key in steps ? focusable + steps[event.key] : null;
    if (goal === null) return;
    event.preventDefault();
    event.stopPropagation();
    items.current[Math.max(0, Math.min(last, goal))]?.focus();
  };

  return (
    <Box
      role="group"
      aria-label={label}
      onKeyDown={walk}
      sx={{ display: "grid", gap: 0.5, alignItems: "start", gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))` }}
    >
      {pictures.map((picture, index) => (
        <ButtonBase
          key={picture.id}
          ref={(element: HTMLButtonElement | null) => (items.current[index] = element)}
          tabIndex={index === focusable ? 0 : -1}
          onFocus={() => setCurrent(index)}
          onClick={() => onPick(picture.id)}
          title={[picture.caption, picture.note].filter(Boolean).join("\n")}
          sx={{
            display: "block",
            textAlign: "left",
            minWidth: 0,
            p: 0.5,
            borderRadius: 1,
            border: 1,
            borderColor: "transparent",
            "&:hover, &:focus-visible": { borderColor: "primary.main", bgcolor: "action.hover" },
          }}
        >
          <Thumbnail path={picture.path} alt={picture.caption} />
          <Typography variant="caption" component="div" noWrap color="text.primary" sx={{ mt: 0.25 }}>
            {picture.caption}
          </Typography>
          {picture.note && (
            <Typography variant="caption" component="div" noWrap color="text.secondary">
              {picture.note}
            </Typography>
          )}
        </ButtonBase>
      ))}
    </Box>
  );
}
