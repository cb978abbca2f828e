import { afterEach, describe, expect, it, vi } from "vitest";
import { Trouble, crowd, granted, nonce, patiently, post, shuffled } from "./api";

afterEach(() => vi.unstubAllGlobals());

const answers = (body: string, status = 200) => vi.stubGlobal("fetch", () => Promise.resolve(new Response(body, { status })));

describe("post", () => {
  it("gives the data", async () => {
    answers('{"data": {"a": 1}}');
    expect(await post("{ a }", {})).toEqual({ a: 1 });
  });
  it("throws the first error with its code and when to come back", async () => {
    answers('{"errors": [{"message": "slowly", "extensions": {"code": "RATE_LIMITED", "retryAfterMs": 70}}]}', 429);
    await expect(post("{ a }", {})).rejects.toMatchObject({ message: "slowly", code: "RATE_LIMITED", retryAfterMs: 70 });
  });
  it("says what it got instead of GraphQL", async () => {
    answers("<html>", 502);
    await expect(post("{ a }", {})).rejects.toMatchObject({ code: "HTTP_502" });
  });
  it("says when nobody is there", async () => {
    vi.stubGlobal("fetch", () => Promise.reject(new TypeError("refused")));
    await expect(post("{ a }", {})).rejects.toMatchObject({ code: "NETWORK" });
  });
});

describe("patiently", () => {
  it("waits and tries again", async () => {
    let tries = 0;
    const told: string[] = [];
    const run = async () => {
      if (++tries < 3) throw new Trouble("slowly", "RATE_LIMITED", 1);
      return tries;
    };
    expect(await patiently(run, (t) => told.push(t.code))).toBe(3);
    expect(told).toEqual(["RATE_LIMITED", "RATE_LIMITED"]);
  });
  it("gives up at once when waiting would not help, and after five times when it does not", async () => {
    let tries = 0;
    const failing = (after: number) => async () => {
      tries++;
      throw new Trouble("no", "X", after);
    };
    await expect(patiently(failing(0))).rejects.toThrow("no");
    expect(tries).toBe(1);
    tries = 0;
    await expect(patiently(failing(1))).rejects.toThrow("no");
    expect(tries).toBe(6);
  });
});

it("a crowd keeps its order and its width", async () => {
  let inside = 0;
  let most = 0;
  const got = await crowd([5, 1, 4, 2, 3], 2, async (n) => {
    most = Math.max(most, ++inside);
    await new Promise((resolve) => setTimeout(resolve, n));
    inside--;
    return n * 10;
  });
  expect(got).toEqual([50, 10, 40, 20, 30]);
  expect(most).toBe(2);
});

it("granted throws what was refused", () => {
  expect(granted(1, [])).toBe(1);
  expect(() => granted(null, [{ code: "LOGIN_FAILED", message: "no" }])).toThrow("no");
  expect(() => granted(null, [])).toThrow();
});

it("a shuffle loses nobody and leaves its argument alone", () => {
  const items = Array.from({ length: 50 }, (_, i) => i);
  const got = shuffled(items);
  expect(got).not.toEqual(items); // but for one time in 50!
  expect(got.sort((a, b) => a - b)).toEqual(items);
});

it("nonces differ", () => expect(nonce()).not.toBe(nonce()));
