// Stands in for the App's modules on the test page: events are written to the page instead of being sent.
export const useTriggerPanelEvent = () => (uri: string, params?: unknown) => console.log(uri, params);
