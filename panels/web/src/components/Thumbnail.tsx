// One picture of the data set, square, whole, on a neutral ground; a sentence where the file cannot be shown.
import * as React from "react";
import { Box } from "@mui/material";
import { mediaUrl, shownPart } from "./text";

interface ThumbnailProps {
  path: string | null;
  alt: string;
  /** A CSS length; the picture fills the width it is given by default. */
  size?: number | string;
  /** Fill the square, cutting what is longer, in place of showing the whole picture. */
  fill?: boolean;
  /** Called where the file cannot be shown. */
  onBroken?: () => void;
}

export function Thumbnail({ path, alt, size = "100%", fill = false, onBroken }: ThumbnailProps) {
  const [broken, setBroken] = React.useState(false);
  React.useEffect(() => setBroken(false), [path]);
  return (
    <Box
      sx={{
        width: size,
        aspectRatio: "1",
        flexShrink: 0,
        borderRadius: 0.5,
        overflow: "hidden",
        bgcolor: "action.selected",
        display: "flex",
        alignItems: "center",
        justifyContent: "center",
        color: "text.secondary",
        fontSize: typeof size === "number" && size < 48 ? 9 : 11, // so that the words fit
        lineHeight: 1.2,
        textAlign: "center",
      }}
    >
      {path && !broken ? (
        <img
          src={mediaUrl(path)}
          alt={alt}
          loading="lazy"
          draggable={false}
          onError={() => (onBroken ?? (() => setBroken(true)))()}
          // small pictures stay crisp when enlarged, photographs are scaled down smoothly all the same
          style={{ width: "100%", height: "100%", objectFit: fill ? "cover" : "contain", imageRendering: "auto", ...shownPart(path) }}
        />
      ) : (
        <span>{path ? "no preview" : ""}</span>
      )}
    </Box>
  );
}
