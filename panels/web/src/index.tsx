import { PluginComponentType, registerComponent } from "@fiftyone/plugins";
import { Comparison } from "./Comparison";
import { Curation } from "./Curation";
import { Map } from "./Map";
import { Report } from "./Report";
import { Review } from "./Review";

registerComponent({
  name: "CuratorCuration",
  label: "Curation",
  component: Curation,
  type: PluginComponentType.Component,
  activator: () => true,
});

registerComponent({
  name: "CuratorReview",
  label: "Curation Review",
  component: Review,
  type: PluginComponentType.Component,
  activator: () => true,
});

registerComponent({
  name: "CuratorMap",
  label: "Curation Map",
  component: Map,
  type: PluginComponentType.Component,
  activator: () => true,
});

registerComponent({
  name: "CuratorReport",
  label: "Curation Report",
  component: Report,
  type: PluginComponentType.Component,
  activator: () => true,
});

registerComponent({
  name: "CuratorComparison",
  label: "Curation Compare",
  component: Comparison,
  type: PluginComponentType.Component,
  activator: () => true,
});
