import { describe, expect, it } from "vitest";
import { type Answer, type Shelf, oversold, percentile, tally, verdict } from "./tally";

let next = 0;
const answer = (kind: Answer["kind"], code = "", latency = 10, queued = 0): Answer => ({
  buyer: ++next,
  kind,
  code,
  at: latency + queued,
  latency,
  queued,
});
const many = (n: number, make: () => Answer) => Array.from({ length: n }, make);
const shelf = (onHand: number, held: number): Shelf => ({ available: Math.max(0, onHand - held), onHand, held, version: 1 });

describe("percentile", () => {
  const hundred = Array.from({ length: 100 }, (_, i) => 100 - i);
  it.each([
    [[], 50, null],
    [[7], 99, 7],
    [[3, 1, 2], 50, 2],
    [[4, 1, 3, 2], 50, 2],
    [hundred, 50, 50],
    [hundred, 99, 99],
    [hundred, 100, 100],
    [hundred, 0, 1],
    [[9, 10, 100], 50, 10], // as numbers, not as text
  ])("%# of %j at %d", (values, p, want) => expect(percentile(values, p)).toBe(want));

  it("leaves its argument alone", () => {
    const values = [3, 1, 2];
    percentile(values, 50);
    expect(values).toEqual([3, 1, 2]);
  });
});

describe("tally", () => {
  it("is nothing of nothing", () => {
    expect(tally([])).toEqual({ answered: 0, won: 0, refused: 0, failed: 0, codes: [], p50: null, p99: null, queued: 0 });
  });
  it("counts by kind and by code, the most frequent first", () => {
    const got = tally([
      answer("failed", "OVERLOADED", 900, 30),
      answer("won", "", 20, 50),
      ...many(3, () => answer("refused", "OUT_OF_STOCK", 10)),
      answer("refused", "HOLD_LIMIT_REACHED", 10),
    ]);
    expect(got).toMatchObject({ answered: 6, won: 1, refused: 4, failed: 1, p50: 10, p99: 900, queued: 50 });
    expect(got.codes).toEqual([
      ["OUT_OF_STOCK", 3],
      ["HOLD_LIMIT_REACHED", 1],
      ["OVERLOADED", 1],
    ]);
  });
});

describe("oversold", () => {
  it.each([
    [1, 1, shelf(1, 1), 0],
    [1, 2, shelf(1, 1), 1], // two were told that they won
    [1, 1, shelf(1, 3), 2], // or the shelf itself promises more than it has
    [5, 3, null, 0],
    [1, 4, null, 3],
  ])("%d units, %d winners", (units, won, state, want) => expect(oversold(units, won, state)).toBe(want));
});

describe("verdict", () => {
  const out = (n: number) => many(n, () => answer("refused", "OUT_OF_STOCK"));
  const won = (n: number) => many(n, () => answer("won"));

  it("is kept when one wins", () => {
    expect(verdict(50, 1, tally([...won(1), ...out(49)]), shelf(1, 1))).toEqual({
      tone: "kept",
      text: "50 buyers, 1 unit: 1 winner, 49 were told OUT_OF_STOCK; stock 0; nothing oversold.",
    });
  });
  it("is kept when there is enough for all", () => {
    expect(verdict(2, 5, tally(won(2)), shelf(5, 2))).toEqual({
      tone: "kept",
      text: "2 buyers, 5 units: 2 winners; stock 3; nothing oversold.",
    });
  });
  it("shouts when two win one unit", () => {
    const got = verdict(3, 1, tally([...won(2), ...out(1)]), shelf(1, 1));
    expect(got.tone).toBe("broken");
    expect(got.text).toBe("OVERSOLD by 1. 3 buyers, 1 unit: 2 winners, 1 was told OUT_OF_STOCK; stock 0.");
  });
  it("shouts when the shelf holds more than it has", () => {
    expect(verdict(3, 1, tally([...won(1), ...out(2)]), shelf(1, 2)).tone).toBe("broken");
  });
  it("is unclear when somebody was not answered", () => {
    const got = verdict(3, 1, tally([...won(1), ...out(1)]), shelf(1, 1));
    expect(got.tone).toBe("unclear");
    expect(got.text).toContain("1 got no answer");
  });
  it("is unclear when a request failed", () => {
    expect(verdict(2, 1, tally([...won(1), answer("failed", "INTERNAL")]), shelf(1, 1)).tone).toBe("unclear");
  });
  it("is unclear when a unit stayed although somebody was refused", () => {
    expect(verdict(2, 1, tally(out(2)), shelf(1, 0)).tone).toBe("unclear");
  });
  it("is unclear when the stock does not fit the winners", () => {
    expect(verdict(2, 2, tally(won(2)), shelf(2, 1)).tone).toBe("unclear");
  });
});
