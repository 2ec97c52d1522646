// What the App offers to plugins and this bundle uses. The packages are not on npm; the App hands them over as globals.
declare module "@fiftyone/plugins" {
  export enum PluginComponentType {
    Component = 3,
  }
  export function registerComponent(registration: {
    name: string;
    label: string;
    component: unknown;
    type: PluginComponentType;
    activator: () => boolean;
  }): void;
}

declare module "@fiftyone/operators" {
  /** Runs a method of the Python panel, named by the URI that its view carries. */
  export function useTriggerPanelEvent(): (uri: string, params?: Record<string, unknown>) => void;
}
