import { PluginComponentType, registerComponent } from "@fiftyone/plugins";
import { ActivityInApp, register } from "./activity/inHeader";
import { ComparisonView } from "./compare/Comparison";
import { CurationView } from "./curation/Curation";
import { inApp } from "./inApp";
import { MapView } from "./map/Map";
import { ReportView } from "./report/Report";
import { ReviewView } from "./review/Review";

const COMPONENTS: [string, string, unknown][] = [
  ["CuratorCuration", "Curation", inApp(CurationView)],
  ["CuratorReview", "Curation Review", inApp(ReviewView)],
  ["CuratorMap", "Curation Map", inApp(MapView)],
  ["CuratorReport", "Curation Report", inApp(ReportView)],
  ["CuratorComparison", "Curation Compare", inApp(ComparisonView)],
  ["CuratorActivity", "What is at work", ActivityInApp],
];

register();
COMPONENTS.forEach(([name, label, component]) =>
  registerComponent({ name, label, component, type: PluginComponentType.Component, activator: () => true }),
);
