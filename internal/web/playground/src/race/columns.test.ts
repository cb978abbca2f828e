import { expect, it } from "vitest";
import { columns } from "./columns";
import type { Answer } from "./tally";

const answer = (kind: Answer["kind"], at: number, latency: number): Answer => ({ buyer: 1, kind, code: "", at, latency, queued: 0 });

it("begins as a line of nothing", () => {
  expect(columns([], [], 0)).toEqual([[0], [null], [null], [null], [null]]);
});

it("sorts what came in any order, carries the stock on, and keeps answers of one moment apart", () => {
  const got = columns(
    [
      { at: -20, available: 1 },
      { at: 12, available: 0 },
    ],
    [answer("refused", 30, 8), answer("won", 10, 9), answer("refused", 30, 7), answer("failed", 20, 5)],
    40,
  );
  expect(got).toEqual([
    [0, 10, 12, 20, 30, 30, 40],
    [1, 1, 0, 0, 0, 0, 0],
    [null, null, null, null, 8, 7, null],
    [null, null, null, 5, null, null, null],
    [null, 9, null, null, null, null, null],
  ]);
});

it("adds no point after the last when now is past", () => {
  expect(columns([{ at: 0, available: 1 }], [answer("won", 50, 1)], 40)[0]).toEqual([0, 50]);
});
