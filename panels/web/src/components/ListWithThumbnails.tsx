// Groups with a picture, a size and a mean score, sorted by any of them; a row shows its samples in the grid.
import * as React from "react";
import { Box, ButtonBase, Link, Typography } from "@mui/material";
import type { Listing, Row } from "../types";
import { Icon } from "./Icon";
import { Thumbnail } from "./Thumbnail";
import { count, score } from "./text";

interface ListProps {
  list: Listing;
  /** The value of the row that the grid shows. */
  selected: string | null;
  onPick: (row: Row) => void;
  height?: number;
}

const MEAN_WIDTH = 96;
const SIZE_WIDTH = 64;
const MORE_WIDTH = 72;

/** A column: a number stands for one of the further ones. */
type Order = "label" | "n" | "mean" | number;

export function ListWithThumbnails({ list, selected, onPick, height = 320 }: ListProps) {
  const [order, setOrder] = React.useState<Order>("n");
  const [up, setUp] = React.useState(false);
  const largest = Math.max(1, ...list.rows.map((row) => row.n));
  const rows = React.useMemo(() => sorted(list.rows, order, up), [list.rows, order, up]);

  const head = (name: Order, text: string, width?: number, said?: string) => (
    <Link
      component="button"
      type="button"
      underline="none"
      color={order === name ? "text.primary" : "text.secondary"}
      aria-label={`Sort by ${text}`}
      title={said}
      onClick={() => {
        setUp(order === name ? !up : name === "label");
        setOrder(name);
      }}
      sx={{ display: "inline-flex", alignItems: "center", justifyContent: width ? "flex-end" : "flex-start", width, fontSize: 12, lineHeight: 1.2, textAlign: width ? "right" : "left" }}
    >
      {text}
      {order === name && <Icon name={up ? "up" : "down"} sx={{ fontSize: 16 }} />}
    </Link>
  );

  return (
    <Box>
      <Box sx={{ display: "flex", gap: 1, px: 0.5, pb: 0.5, alignItems: "flex-end" }}>
        <Box sx={{ flex: 1 }}>{head("label", "Name")}</Box>
        {list.more?.map((one, column) => <React.Fragment key={one.title}>{head(column, one.title, MORE_WIDTH, one.said)}</React.Fragment>)}
        {list.mean && head("mean", list.mean, MEAN_WIDTH)}
        {head("n", list.size, SIZE_WIDTH)}
      </Box>
      <Box sx={{ maxHeight: height, overflowY: "auto" }}>
        {rows.map((row) => (
          <ButtonBase
            key={String(row.value)}
            onClick={() => onPick(row)}
            aria-pressed={selected === String(row.value)}
            title={`Show ${row.label} in the grid`}
            sx={{
              display: "flex",
              width: "100%",
              gap: 1,
              px: 0.5,
              py: 0.25,
              justifyContent: "flex-start",
              textAlign: "left",
              borderRadius: 0.5,
              bgcolor: selected === String(row.value) ? "action.selected" : "transparent",
              "&:hover, &:focus-visible": { bgcolor: "action.selected" },
            }}
          >
            <Thumbnail path={row.path} alt="" size={36} />
            <Box sx={{ flex: 1, minWidth: 0 }}>
              <Box sx={{ display: "flex", flexWrap: "wrap", columnGap: 1, alignItems: "baseline" }}>
                <Typography variant="body2" noWrap color="text.primary" title={row.label}>
                  {row.label}
                </Typography>
                {row.note && (
                  <Typography variant="caption" color="text.secondary" sx={{ lineHeight: 1.4 }}>
                    {row.note}
                  </Typography>
                )}
              </Box>
              <Box sx={{ height: 3, mt: 0.25, width: `${Math.max(1, (100 * row.n) / largest)}%`, bgcolor: "primary.main", borderRadius: 1, opacity: 0.7 }} />
            </Box>
            {list.more?.map((one, column) => (
              <Typography key={one.title} variant="body2" color="text.secondary" sx={{ width: MORE_WIDTH, textAlign: "right" }}>
                {share(row.more?.[column])}
              </Typography>
            ))}
            {list.mean && (
              <Typography variant="body2" color="text.secondary" sx={{ width: MEAN_WIDTH, textAlign: "right" }}>
                {row.mean === null ? "–" : score(row.mean)}
              </Typography>
            )}
            <Typography variant="body2" color="text.primary" sx={{ width: SIZE_WIDTH, textAlign: "right" }}>
              {count(row.n)}
            </Typography>
          </ButtonBase>
        ))}
      </Box>
      {list.hidden && (
        <Typography variant="caption" color="text.secondary">
          {list.hidden}
        </Typography>
      )}
    </Box>
  );
}

function sorted(rows: Row[], order: Order, up: boolean): Row[] {
  const sign = up ? 1 : -1;
  return [...rows].sort((a, b) => {
    if (order === "label") return sign * a.label.localeCompare(b.label, "en", { numeric: true });
    const [one, other] = [a, b].map((row) => (typeof order === "number" ? row.more?.[order] : row[order]) ?? -Infinity);
    return one === other ? 0 : sign * (one - other);
  });
}

const share = (value: number | null | undefined): string => (value == null ? "–" : `${(100 * value).toFixed(1)}%`);
