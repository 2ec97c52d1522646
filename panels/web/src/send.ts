/** Runs a method of the Python panel. */
export type Send = (event: string, params?: Record<string, unknown>) => void;
