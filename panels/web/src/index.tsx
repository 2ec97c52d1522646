import { PluginComponentType, registerComponent } from "@fiftyone/plugins";
import { ComparisonView } from "./compare/Comparison";
import { CurationView } from "./curation/Curation";
import { inApp } from "./inApp";
import { MapView } from "./map/Map";
import { ReportView } from "./report/Report";
import { ReviewView } from "./review/Review";

const PANELS: [string, string, unknown][] = [
  ["CuratorCuration", "Curation", inApp(CurationView)],
  ["CuratorReview", "Curation Review", inApp(ReviewView)],
  ["CuratorMap", "Curation Map", inApp(MapView)],
  ["CuratorReport", "Curation Report", inApp(ReportView)],
  ["CuratorComparison", "Curation Compare", inApp(ComparisonView)],
];

PANELS.forEach(([name, label, component]) =>
  registerComponent({ name, label, component, type: PluginComponentType.Component, activator: () => true }),
);
