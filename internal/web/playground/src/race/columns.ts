import type { Answer } from "./tally";

/** How many there were from this moment on; at is in milliseconds since the start of the race. */
export interface Step {
  at: number;
  available: number;
}

/** What the chart draws, x first: milliseconds, stock available, and the latencies of refusals, failures and, on top, winners. */
export type Columns = [number[], (number | null)[], (number | null)[], (number | null)[], (number | null)[]];

/**
 * Lays steps and answers out on one x axis, up to now. The stock is told at every x, so that the line reaches the end;
 * every answer has an x of its own, even when two came at once.
 */
export function columns(steps: readonly Step[], answers: readonly Answer[], now: number): Columns {
  const rows: { at: number; step?: Step; answer?: Answer }[] = [
    ...steps.map((step) => ({ at: Math.max(0, step.at), step })),
    ...answers.map((answer) => ({ at: answer.at, answer })),
  ].sort((a, b) => a.at - b.at);
  const last = rows.at(-1);
  if (last === undefined || last.at < now) rows.push({ at: now });

  const out: Columns = [[], [], [], [], []];
  let available: number | null = null;
  for (const { at, step, answer } of rows) {
    if (step) available = step.available;
    out[0].push(at);
    out[1].push(available);
    out[2].push(answer?.kind === "refused" ? answer.latency : null);
    out[3].push(answer?.kind === "failed" ? answer.latency : null);
    out[4].push(answer?.kind === "won" ? answer.latency : null);
  }
  return out;
}
