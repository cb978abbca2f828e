// Timers are all that the kit takes from the global scope: every runtime has them, and no library of types needs to say so.
declare function setTimeout(run: () => void, ms: number): unknown;
declare function clearTimeout(timer: unknown): void;

/** Runs something later; the answer takes that back. */
export function later(ms: number, run: () => void): () => void {
  const timer = setTimeout(run, ms);
  return () => clearTimeout(timer);
}

/** Waits. */
export const sleep = (ms: number): Promise<void> => new Promise((resolve) => later(ms, resolve));

/** How long to wait before try `attempt` (from 0): from half of a doubling time to all of it, so that a crowd comes back spread out. */
export function backoff(attempt: number, firstMs = 250, mostMs = 10_000): number {
  return Math.min(mostMs, firstMs * 2 ** attempt) * (0.5 + Math.random() / 2);
}
