// The given label against the suggested one, with what the run says about them.
import * as React from "react";
import { Box, Chip, Typography } from "@mui/material";
import type { ReviewCard } from "../types";

export function Labels({ card }: { card: ReviewCard }) {
  const { given, suggested } = card;
  return (
    <Box>
      {(given || suggested) && (
        <Box sx={{ display: "flex", gap: 1 }}>
          <Label title="Given label" text={given ?? "none"} beside={suggested} color="text.primary" />
          {suggested && <Label title="Suggested" text={suggested} beside={given} color="primary.main" />}
          {card.agrees && <Label title="Suggested" text="the same" color="text.secondary" />}
        </Box>
      )}
      <Typography variant="body2" color="text.secondary" sx={{ mt: 0.5 }}>
        {[...card.facts.map((fact) => `${fact.label}: ${fact.value}`), card.origin].join(" · ")}
      </Typography>
      {card.decided && <Chip size="small" color="success" variant="outlined" label={card.decided} sx={{ mt: 0.5 }} />}
    </Box>
  );
}

/** One class, its name in full; where the other one is almost the same, what differs is underlined. */
function Label({ title, text, beside = null, color }: { title: string; text: string; beside?: string | null; color: string }) {
  return (
    <Box sx={{ flex: 1, minWidth: 0, border: 1, borderColor: "divider", borderRadius: 1, px: 1, py: 0.5, bgcolor: "action.hover" }}>
      <Typography variant="caption" color="text.secondary">
        {title}
      </Typography>
      <Typography sx={{ fontSize: text.length > 24 ? 16 : 20, fontWeight: 600, lineHeight: 1.25, color, overflowWrap: "anywhere" }}>
        {partsOf(text, beside).map(([part, differs], place) =>
          differs ? (
            <Box key={place} component="span" sx={{ textDecoration: "underline", textUnderlineOffset: "0.15em" }}>
              {part}
            </Box>
          ) : (
            part
          ),
        )}
      </Typography>
    </Box>
  );
}

/** The words and marks of a name, each with whether it differs; nothing does where the names share no word. */
function partsOf(text: string, beside: string | null): [string, boolean][] {
  const parts = text.split(/([-_ ./]+)/);
  const others = new Set(beside?.split(/[-_ ./]+/));
  const shared = parts.some((part) => others.has(part));
  return parts.map((part) => [part, shared && /[^-_ ./]/.test(part) && !others.has(part)]);
}
