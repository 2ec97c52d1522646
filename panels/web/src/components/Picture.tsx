// One picture as large as its place allows, whole, on a neutral ground; a sentence where the file cannot be shown, or only
// in part.
import * as React from "react";
import { Box, ButtonBase } from "@mui/material";
import { mediaUrl, shownPart } from "./text";

interface PictureProps {
  path: string;
  alt: string;
  /** Why the file cannot be read, or not to its end. */
  problem?: string | null;
  onPick: () => void;
}

export function Picture({ path, alt, problem, onPick }: PictureProps) {
  const [broken, setBroken] = React.useState(false);
  const [tiny, setTiny] = React.useState(false);
  React.useEffect(() => setBroken(false), [path]);
  return (
    <ButtonBase
      onClick={onPick}
      title="Open in the App"
      sx={{ width: "100%", aspectRatio: "1", maxHeight: "50vh", borderRadius: 1, position: "relative", overflow: "hidden", bgcolor: "action.selected", color: "text.secondary", fontSize: 13, lineHeight: 1.4 }}
    >
      {broken ? (
        <Box component="span" sx={{ p: 2, overflowWrap: "anywhere" }}>
          {problem ?? "This file cannot be shown"}
        </Box>
      ) : (
        <img
          src={mediaUrl(path)}
          alt={alt}
          draggable={false}
          onError={() => setBroken(true)}
          onLoad={(event) => setTiny(event.currentTarget.naturalWidth <= 64)}
          // an icon's pixels are told apart better with hard edges; photographs are scaled smoothly
          style={{ width: "100%", height: "100%", objectFit: "contain", imageRendering: tiny ? "pixelated" : "auto", ...shownPart(path) }}
        />
      )}
      {problem && !broken && (
        <Box component="span" sx={{ position: "absolute", inset: "auto 0 0 0", px: 1, py: 0.5, overflowWrap: "anywhere", bgcolor: "background.paper", opacity: 0.9 }}>
          {problem}
        </Box>
      )}
    </ButtonBase>
  );
}
