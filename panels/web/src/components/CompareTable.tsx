// Copies side by side, what is told about each below it; what differs stands out.
import * as React from "react";
import { Box, Button, Chip, Typography } from "@mui/material";
import type { Compare } from "../types";
import { Picture } from "./Picture";

interface CompareProps {
  data: Compare;
  onPick: (id: string) => void;
  /** Keep this one and exclude the others. */
  onKeep: (id: string) => void;
  busy: boolean;
}

export function CompareTable({ data, onPick, onKeep, busy }: CompareProps) {
  const { members, rows } = data;
  return (
    <Box sx={{ overflowX: "auto" }}>
      <Box sx={{ display: "grid", columnGap: 1, rowGap: 0.25, gridTemplateColumns: `max-content repeat(${members.length}, minmax(96px, 260px))`, alignItems: "center" }}>
        <span />
        {members.map((member) => (
          <Box key={member.id} sx={{ minWidth: 0, p: 0.5, borderRadius: 1, border: 2, borderColor: member.keep ? "success.main" : "transparent" }}>
            <Picture path={member.path} alt={member.name} onPick={() => onPick(member.id)} />
          </Box>
        ))}
        <span />
        {members.map((member) => (
          <Box key={member.id} sx={{ minWidth: 0, alignSelf: "start" }}>
            <Typography variant="caption" component="div" noWrap title={member.name} color="text.secondary">
              {member.name}
            </Typography>
            {(member.decided || member.keep) && (
              <Chip size="small" variant="outlined" color={member.decided === "excluded" ? "error" : "success"} label={member.decided ?? "to keep"} sx={{ maxWidth: "100%" }} />
            )}
          </Box>
        ))}
        {rows.map((row) => (
          <React.Fragment key={row.label}>
            <Typography variant="body2" color="text.secondary">
              {row.label}
            </Typography>
            {row.values.map((value, index) => (
              <Typography key={members[index].id} variant="body2" noWrap title={value} sx={{ color: row.differs ? "text.primary" : "text.secondary", fontWeight: row.differs ? 600 : 400 }}>
                {value}
              </Typography>
            ))}
          </React.Fragment>
        ))}
        <span />
        {members.map((member, index) => (
          <Button key={member.id} size="small" variant="outlined" color="inherit" title="Keep this one, exclude the others" disabled={busy || members.length < 2} onClick={() => onKeep(member.id)}>
            Only this ({index + 1})
          </Button>
        ))}
      </Box>
      {data.hidden && (
        <Typography variant="caption" color="text.secondary">
          {data.hidden}
        </Typography>
      )}
    </Box>
  );
}
