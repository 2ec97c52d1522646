// Activity in the App: it asks the server what is at work while something is, hears what operators announce, and knows the
// selection. Panels hear from here that something has ended or was decided, and read again.
import * as React from "react";
import { Operator, OperatorConfig, executeOperator, registerOperator, types, useOperatorExecutor, usePromptOperatorInput } from "@fiftyone/operators";
import { isModalActive, selectedSamples } from "@fiftyone/state";
import { useRecoilValue } from "recoil";
import { CHANGED, WANTED } from "../components/events";
import { Activity } from "./Activity";
import type { Job, Line } from "../types";

const PLUGIN = "@image-curation/curator";
const OFTEN = 1_000; // milliseconds between questions while something is at work
const ANNOUNCED = "curator:announced";

class Announce extends Operator {
  get config() {
    return new OperatorConfig({ name: "announce", label: "Announce", unlisted: true });
  }
  /** Brings the component into the App, beside the open dataset and whatever panels are open. */
  async resolvePlacement() {
    return new types.Placement(types.Places.HEADER_ACTIONS, new types.ComponentView("CuratorActivity"));
  }
  async execute({ params }: { params: Line }) {
    window.dispatchEvent(new CustomEvent(ANNOUNCED, { detail: params }));
  }
}

export const register = () => registerOperator(Announce, PLUGIN);

export function ActivityInApp() {
  const asks = useOperatorExecutor(`${PLUGIN}/activity`);
  const stops = useOperatorExecutor(`${PLUGIN}/stop_activity`);
  const prompt = usePromptOperatorInput();
  const chosen = useRecoilValue<{ size: number }>(selectedSamples);
  const inViewer = useRecoilValue<boolean>(isModalActive);
  const [jobs, setJobs] = React.useState<Job[]>([]);
  const [line, setLine] = React.useState<Line | null>(null);
  const seen = React.useRef(new Set<string>()); // calls whose end is known, or that were there before this page
  const first = React.useRef(true);
  const running = jobs.some((job) => job.state === "running");

  const changed = () => window.dispatchEvent(new CustomEvent(CHANGED));
  const ask = () =>
    asks.execute({}, {
      skipOutput: true,
      skipErrorNotification: true,
      callback: ({ result }) => {
        const found = result?.jobs ?? [];
        setJobs(found);
        for (const job of found.filter((one) => one.state !== "running" && !seen.current.has(one.key))) {
          seen.current.add(job.key);
          if (!first.current) ended(job);
        }
        first.current = false;
      },
    });
  const ended = (job: Job) => {
    const again = { label: "Change and try again", operator: job.operator ?? "", params: { ...job.params, refused: { said: job.said, params: job.params } }, prompt: true };
    const failed = job.state === "failed";
    setLine({ text: `${job.label}: ${job.said}`, variant: failed ? "error" : job.state === "done" ? "success" : "info", does: failed && job.operator ? again : null });
    executeOperator("reload_dataset", {});
    changed();
  };
  const now = React.useRef(ask);
  now.current = ask;

  React.useEffect(() => {
    const hear = (event: Event) => {
      const said = (event as CustomEvent<Line>).detail;
      if (said.ended) seen.current.add(said.ended);
      if (said.job) {
        first.current = false;
        now.current();
      }
      if (said.text) setLine(said);
      if (said.review) window.dispatchEvent(new CustomEvent(WANTED, { detail: said.review }));
      if (said.decided || said.ended) changed();
    };
    window.addEventListener(ANNOUNCED, hear);
    now.current(); // what was begun before this page was loaded
    return () => window.removeEventListener(ANNOUNCED, hear);
  }, []);
  React.useEffect(() => {
    if (!running) return;
    const timer = setTimeout(() => now.current(), OFTEN);
    return () => clearTimeout(timer);
  }, [jobs]);

  const run = (operator: string, params: Record<string, unknown>, asked: boolean) =>
    asked ? setTimeout(() => prompt(operator, params), 0) : executeOperator(operator, params);
  return (
    <Activity
      jobs={jobs}
      line={line}
      selected={inViewer ? 0 : chosen.size}
      onStop={(key) => {
        setJobs(jobs.map((job) => (job.key === key ? { ...job, stopping: true } : job)));
        stops.execute({ key }, { skipOutput: true });
      }}
      onCloseLine={() => setLine(null)}
      onUnselect={() => executeOperator("clear_selected_samples", {})}
      run={run}
    />
  );
}
