// One picture as large as its place allows, whole, on a neutral ground; a sentence where the file cannot be shown.
import * as React from "react";
import { Box, ButtonBase } from "@mui/material";
import { mediaUrl, shownPart } from "./text";

interface PictureProps {
  path: string;
  alt: string;
  onPick: () => void;
}

export function Picture({ path, alt, onPick }: PictureProps) {
  const [broken, setBroken] = React.useState(false);
  const [tiny, setTiny] = React.useState(false);
  React.useEffect(() => setBroken(false), [path]);
  return (
    <ButtonBase
      onClick={onPick}
      title="Open in the App"
      sx={{ width: "100%", aspectRatio: "1", maxHeight: "50vh", borderRadius: 1, overflow: "hidden", bgcolor: "action.selected", color: "text.secondary" }}
    >
      {broken ? (
        <Box component="span">This file cannot be shown</Box>
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
    </ButtonBase>
  );
}
