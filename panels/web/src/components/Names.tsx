// A class name in full; where another one is almost the same, what differs is underlined.
import * as React from "react";
import { Box } from "@mui/material";

export function ClassName({ text, beside }: { text: string; beside: string | null | undefined }) {
  return (
    <>
      {partsOf(text, beside ?? null).map(([part, differs], place) =>
        differs ? (
          <Box key={place} component="span" data-differs sx={{ textDecoration: "underline", textDecorationThickness: "2px", textUnderlineOffset: "0.15em" }}>
            {part}
          </Box>
        ) : (
          part
        ),
      )}
    </>
  );
}

/** The words and marks of a name, each with whether it differs; nothing does where the names share no word. */
function partsOf(text: string, beside: string | null): [string, boolean][] {
  const parts = text.split(/([-_ ./]+)/);
  const others = new Set(beside?.split(/[-_ ./]+/));
  const shared = parts.some((part) => others.has(part));
  return parts.map((part) => [part, shared && /[^-_ ./]/.test(part) && !others.has(part)]);
}
