// The given label against the suggested one, with what the run says about them.
import * as React from "react";
import { Box, Chip, Typography } from "@mui/material";
import { ClassName } from "../components";
import type { ReviewCard } from "../types";

export function Labels({ card }: { card: ReviewCard }) {
  const { given, suggested } = card;
  return (
    <Box>
      {(given || suggested) && (
        <Box sx={{ display: "flex", gap: 1 }}>
          <Label title="Given label" text={given ?? "none"} beside={suggested} color="text.primary" />
          {suggested && <Label title={card.chance ? `Suggested · ${card.chance} sure` : "Suggested"} text={suggested} beside={given} color="primary.main" />}
          {card.agrees && <Label title="Suggested" text="the same" color="text.secondary" />}
        </Box>
      )}
      <Typography variant="body2" color="text.secondary" sx={{ mt: 0.5 }}>
        {[...card.facts.map((fact) => `${fact.label}: ${fact.value}`), card.origin].join(" · ")}
      </Typography>
      {card.labels.length > 0 && (
        <Typography variant="body2" color="text.secondary">
          {card.labels.map(({ field, label }) => `${field}: ${label}`).join(" · ")}
        </Typography>
      )}
      {card.decided && <Chip size="small" color="success" variant="outlined" label={card.decided} sx={{ mt: 0.5 }} />}
    </Box>
  );
}

/** One class, its name in full. */
function Label({ title, text, beside = null, color }: { title: string; text: string; beside?: string | null; color: string }) {
  return (
    <Box sx={{ flex: 1, minWidth: 0, border: 1, borderColor: "divider", borderRadius: 1, px: 1, py: 0.5, bgcolor: "action.hover" }}>
      <Typography variant="caption" color="text.secondary">
        {title}
      </Typography>
      <Typography sx={{ fontSize: text.length > 24 ? 16 : 20, fontWeight: 600, lineHeight: 1.25, color, overflowWrap: "anywhere" }}>
        <ClassName text={text} beside={beside} />
      </Typography>
    </Box>
  );
}
