// What to do next: a sentence, and the button that does it.
import * as React from "react";
import { Button } from "@mui/material";
import type { Send } from "../send";
import type { Advice } from "../types";
import { Card } from "./Card";

export function AdviceCard({ advice, send }: { advice: Advice; send: Send }) {
  const { action } = advice;
  return (
    <Card
      title={advice.title}
      text={advice.text}
      aside={
        action && (
          <Button size="small" variant="contained" onClick={() => send(action.event, action.params)}>
            {action.label}
          </Button>
        )
      }
    />
  );
}
