// A view as a panel of the App: its data comes from the Python panel, and what it sends goes to that panel's methods.
import * as React from "react";
import { useTriggerPanelEvent } from "@fiftyone/operators";
import { CHANGED } from "./components/events";
import type { Send } from "./send";

interface ViewProps<Data> {
  data: Data;
  send: Send;
}

interface PanelProps<Data> {
  data?: Data;
  /** The address of each method. */
  schema: { view: Record<string, string> };
}

export function inApp<Data extends object>(View: React.ComponentType<ViewProps<Data>>) {
  return function Panel({ data, schema }: PanelProps<Data>) {
    const trigger = useTriggerPanelEvent();
    const send: Send = (event, params = {}) => trigger(schema.view[event], params);
    React.useEffect(() => {
      const again = () => send("refresh");
      window.addEventListener(CHANGED, again);
      return () => window.removeEventListener(CHANGED, again);
    }, [schema.view.refresh]);
    return <View data={data ?? ({} as Data)} send={send} />;
  };
}
