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
  interface Asked {
    skipOutput?: boolean;
    skipErrorNotification?: boolean;
    callback?: (answer: { result?: { jobs?: import("./types").Job[] } | null; error?: unknown }) => void;
  }
  export function useOperatorExecutor(uri: string): { execute: (params: Record<string, unknown>, asked?: Asked) => void };
  /** Opens the form of an operator, filled in. */
  export function usePromptOperatorInput(): (uri: string, params?: Record<string, unknown>) => void;
  export function executeOperator(uri: string, params?: Record<string, unknown>): void;
  export function registerOperator(operator: typeof Operator, plugin: string): void;
  export class Operator {}
  export namespace types {
    const Places: { HEADER_ACTIONS: string };
    class ComponentView {
      constructor(name: string);
    }
    class Placement {
      constructor(place: string, view: ComponentView);
    }
  }
  export class OperatorConfig {
    constructor(config: { name: string; label: string; unlisted?: boolean });
  }
}

declare module "@fiftyone/state" {
  /** Atoms of the App. */
  export const selectedSamples: unique symbol;
  export const isModalActive: unique symbol;
}

declare module "recoil" {
  export function useRecoilValue<Value>(atom: symbol): Value;
}
