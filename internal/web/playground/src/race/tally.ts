/** The pure part of the race: what its answers add up to, and what may be said about them. */

/** What one buyer was told, and when. Times are milliseconds since the start of the race. */
export interface Answer {
  /** Which buyer: 1 to N. */
  buyer: number;
  /** Won: the goods are held. Refused: the API said why not. Failed: nobody knows, or something broke. */
  kind: "won" | "refused" | "failed";
  /** OUT_OF_STOCK and its like of a refusal, the error's of a failure; empty for a winner. */
  code: string;
  /** When the answer was there. */
  at: number;
  /** From the request's leaving to the answer's end, as the browser measured it; not the time it queued here. */
  latency: number;
  /** How long the request waited in the browser for a connection. */
  queued: number;
}

/** What all answers so far add up to. */
export interface Tally {
  answered: number;
  won: number;
  refused: number;
  failed: number;
  /** Refusals and failures by their code, the most frequent first. */
  codes: [code: string, count: number][];
  /** Of the latencies; null before the first answer. */
  p50: number | null;
  p99: number | null;
  /** The longest wait for a connection of the browser. */
  queued: number;
}

/** How the stock stands; onHand and held are what staff see. */
export interface Shelf {
  available: number;
  onHand: number;
  held: number;
  version: number;
}

/** The nearest-rank percentile: the smallest value that at least p percent of all reach at most. Null of nothing. */
export function percentile(values: readonly number[], p: number): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  const rank = Math.ceil((p / 100) * sorted.length);
  return sorted[Math.min(Math.max(rank, 1), sorted.length) - 1] ?? null;
}

/** Adds the answers up. */
export function tally(answers: readonly Answer[]): Tally {
  const count = (kind: Answer["kind"]) => answers.filter((a) => a.kind === kind).length;
  const codes = new Map<string, number>();
  for (const { kind, code } of answers) {
    if (kind !== "won") codes.set(code, (codes.get(code) ?? 0) + 1);
  }
  const latencies = answers.map((a) => a.latency);
  return {
    answered: answers.length,
    won: count("won"),
    refused: count("refused"),
    failed: count("failed"),
    codes: [...codes].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0])),
    p50: percentile(latencies, 50),
    p99: percentile(latencies, 99),
    queued: answers.reduce((most, a) => Math.max(most, a.queued), 0),
  };
}

/** How many units were promised that were not there: 0, or the promise is broken. Each buyer buys one. */
export function oversold(units: number, won: number, shelf: Shelf | null): number {
  const held = shelf === null ? 0 : shelf.held - shelf.onHand;
  return Math.max(0, won - units, held);
}

/** The sentence at the end of a race. */
export interface Verdict {
  /** Kept: all is as promised. Broken: oversold. Unclear: nothing was oversold, but somebody got no proper answer. */
  tone: "kept" | "broken" | "unclear";
  text: string;
}

/** Says what a race has shown. The shelf is the stock as it was read after the last answer. */
export function verdict(buyers: number, units: number, sum: Tally, shelf: Shelf): Verdict {
  const over = oversold(units, sum.won, shelf);
  const told = sum.codes.map(([code, n]) => `${n} ${n === 1 ? "was" : "were"} told ${code}`);
  const silent = buyers - sum.answered;
  if (silent > 0) told.push(`${silent} got no answer`);
  const facts = [`${plural(buyers, "buyer")}, ${plural(units, "unit")}: ${plural(sum.won, "winner")}`, ...told].join(", ");
  const stock = `stock ${shelf.available}`;
  if (over > 0) {
    return { tone: "broken", text: `OVERSOLD by ${over}. ${facts}; ${stock}.` };
  }
  const short = Math.min(buyers, units) - sum.won;
  if (short > 0 || sum.failed > 0 || silent > 0 || shelf.available !== units - sum.won) {
    return { tone: "unclear", text: `${facts}; ${stock}; nothing oversold, but not every answer was as it should be.` };
  }
  return { tone: "kept", text: `${facts}; ${stock}; nothing oversold.` };
}

function plural(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? "" : "s"}`;
}
