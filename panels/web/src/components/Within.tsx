// Where an object lies: all of its picture, small, with the box around it. Nothing for whole pictures and broken files.
import * as React from "react";
import { Box } from "@mui/material";
import type { BoxInPicture } from "../types";
import { boxOf, mediaUrl, share } from "./text";

interface WithinProps {
  path: string;
  /** The tallest that it may be, in pixels. */
  height?: number;
  /** Boxes of other objects in the picture. */
  others?: BoxInPicture[];
}

export function Within({ path, height = 160, others = [] }: WithinProps) {
  const [broken, setBroken] = React.useState(false);
  React.useEffect(() => setBroken(false), [path]);
  const box = boxOf(path);
  if (!box || broken) return null;
  const [left, top, width, tall] = box.map(share);
  return (
    <Box sx={{ display: "flex", justifyContent: "center", mt: 0.5, lineHeight: 0 }}>
      <Box sx={{ position: "relative", overflow: "hidden", borderRadius: 0.5 }}>
        <img src={mediaUrl(path)} alt="The object in its picture" draggable={false} onError={() => setBroken(true)} style={{ maxWidth: "100%", maxHeight: height }} />
        {others.map(({ box: [x, y, w, h], label }, number) => (
          <Box key={number} title={label ?? ""} sx={{ position: "absolute", left: share(x), top: share(y), width: share(w), height: share(h), border: "1px dashed #fff", outline: "1px solid rgba(0, 0, 0, 0.5)" }} />
        ))}
        <Box data-box sx={{ position: "absolute", left, top, width, height: tall, border: 2, borderColor: "primary.main", outline: "1px solid rgba(0, 0, 0, 0.6)", pointerEvents: "none" }} />
      </Box>
    </Box>
  );
}
