export { ActionBar } from "./ActionBar";
export { Card } from "./Card";
export { FactsTable } from "./FactsTable";
export { Gallery } from "./Gallery";
export { Histogram } from "./Histogram";
export { Icon } from "./Icon";
export { ListWithThumbnails } from "./ListWithThumbnails";
export { StageBoard, STATE_WORDS, StateMark } from "./StageBoard";
export { Thumbnail } from "./Thumbnail";
