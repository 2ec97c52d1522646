import { PluginComponentType, registerComponent } from "@fiftyone/plugins";
import { Curation } from "./Curation";

registerComponent({
  name: "CuratorCuration",
  label: "Curation",
  component: Curation,
  type: PluginComponentType.Component,
  activator: () => true,
});
