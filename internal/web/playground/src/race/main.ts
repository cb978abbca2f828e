import "./race.css";
import { Trouble } from "./api";
import { RaceChart } from "./chart";
import { type Step, columns } from "./columns";
import { type Plan, Races } from "./run";
import { type Answer, type Shelf, oversold, tally, verdict } from "./tally";

/** The page of the race: what is chosen goes in, what happens is drawn. */

const $ = <E extends HTMLElement>(id: string): E => document.getElementById(id) as E;
const form = $<HTMLFormElement>("plan");
const go = $<HTMLButtonElement>("go");
const release = $<HTMLButtonElement>("release");
const chart = new RaceChart($("chart"));
const races = new Races();

let plan: Plan = { buyers: 50, units: 1, way: "http" };
let steps: Step[] = [];
let answers: Answer[] = [];
let shelf: Shelf | null = null;
let began = 0;
let running = false;

const ms = (value: number | null) => (value === null ? "–" : `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ms`);

/** Writes the numbers as they stand. */
function show(): void {
  const sum = tally(answers);
  const over = oversold(plan.units, sum.won, shelf);
  $("stock").textContent = steps.length === 0 ? "–" : String(steps.at(-1)!.available);
  $("won").textContent = String(sum.won);
  $("refused").textContent = String(sum.refused);
  $("failed").textContent = String(sum.failed);
  $("over").textContent = String(over);
  $("p50").textContent = ms(sum.p50);
  $("p99").textContent = ms(sum.p99);
  $("queued").textContent = answers.length === 0 ? "–" : ms(sum.queued);
  $("over-box").dataset.state = over > 0 ? "broken" : "fine";
  $("failed-box").dataset.state = sum.failed > 0 ? "broken" : "fine";
  $("codes").replaceChildren(
    ...sum.codes.map(([code, count]) => {
      const item = document.createElement("li");
      item.textContent = `${code} × ${count}`;
      return item;
    }),
  );
}

/** Draws until the race is over; the stock's line goes on while nothing happens. */
function frame(): void {
  if (!running) return;
  if (began > 0) chart.draw(columns(steps, answers, performance.now() - began));
  show();
  requestAnimationFrame(frame);
}

/** One square a buyer, which tells what became of it. */
function seat(count: number): void {
  const squares = Array.from({ length: count }, (_, i) => {
    const square = document.createElement("i");
    square.title = `buyer ${i + 1}`;
    return square;
  });
  $("crowd").replaceChildren(...squares);
}

function mark(buyer: number, state: string): void {
  const square = $("crowd").children[buyer - 1] as HTMLElement | undefined;
  if (!square) return;
  square.dataset.state = state;
  square.title = `buyer ${buyer}: ${state}`;
}

function say(text: string, tone: "none" | "kept" | "broken" | "unclear"): void {
  const line = $("verdict");
  line.dataset.tone = tone;
  line.textContent = text;
}

/** Trouble in words that help. */
function explain(error: unknown): string {
  if (!(error instanceof Trouble)) return `The page itself failed: ${String(error)}`;
  switch (error.code) {
    case "LOGIN_FAILED":
      return "This server does not know the demo's merchant and buyers. The race needs demo mode: HOLDFAST_DEMO=true, and a new database.";
    case "RATE_LIMITED":
      return "The server limits how often this address may ask. Wait a minute, or start it with HOLDFAST_RATE_LIMITS=off.";
    case "OVERLOADED":
      return "The server has more to do than it takes on. Try again in a moment.";
    case "NETWORK":
      return "The server does not answer. Is it still running?";
    default:
      return `${error.message} (${error.code})`;
  }
}

async function race(): Promise<void> {
  const { buyers, units, way } = Object.fromEntries(new FormData(form)) as Record<string, string>;
  plan = { buyers: Number(buyers), units: Number(units), way: way === "sockets" ? "sockets" : "http" };
  steps = [];
  answers = [];
  shelf = null;
  began = 0;
  running = true;
  go.disabled = release.disabled = true;
  say("", "none");
  seat(plan.buyers);
  chart.draw(columns([], [], 0));
  requestAnimationFrame(frame);
  try {
    shelf = await races.hold(plan, {
      doing: (text) => ($("doing").textContent = text),
      start: (at) => {
        began = at;
        steps = steps.slice(-1).map((step) => ({ ...step, at: 0 }));
        $("doing").textContent = "Racing…";
        for (let buyer = 1; buyer <= plan.buyers; buyer++) mark(buyer, "sent");
      },
      stock: (at, available) => steps.push({ at, available }),
      answer: (answer) => {
        answers.push(answer);
        mark(answer.buyer, answer.kind);
      },
    });
    const { tone, text } = verdict(plan.buyers, plan.units, tally(answers), shelf);
    say(text, tone);
    const about = races.about!;
    $("doing").textContent =
      `The merchant of ${about.shop} reads of ${about.sku}: ${shelf.onHand} on hand, ${shelf.held} held, ${shelf.available} available.`;
    go.textContent = "Again";
  } catch (error) {
    say(explain(error), "unclear");
    $("doing").textContent = "";
  } finally {
    running = false;
    // Not up to now: what follows the last event is of no interest.
    chart.draw(columns(steps, answers, 0));
    show();
    go.disabled = false;
    offer();
  }
}

/** Offers to cancel what winners hold, while they hold something. */
function offer(): void {
  release.hidden = races.held === 0;
  release.disabled = false;
  release.textContent = races.held === 1 ? "Cancel the winner's checkout" : `Cancel ${races.held} winners' checkouts`;
}

async function letGo(): Promise<void> {
  go.disabled = release.disabled = true;
  try {
    const now = await races.release();
    if (now) {
      $("stock").textContent = String(now.available);
      $("doing").textContent = `Cancelled: ${now.onHand} on hand, ${now.held} held, ${now.available} available.`;
    }
  } catch (error) {
    $("doing").textContent = explain(error);
  } finally {
    go.disabled = false;
    offer();
  }
}

/** Whether this server can hold races; says why when it cannot. */
async function ready(): Promise<void> {
  try {
    const response = await fetch("/playground/config.json");
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    const config = (await response.json()) as { demo?: boolean };
    if (config.demo === true) {
      go.disabled = false;
      return;
    }
    say("This server is not in demo mode, and a race needs buyers who can log in: start it with HOLDFAST_DEMO=true.", "unclear");
  } catch (error) {
    say(`The playground of this server is off, or the server is gone (${error instanceof Error ? error.message : "no answer"}).`, "unclear");
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  void race();
});
release.addEventListener("click", () => void letGo());
seat(plan.buyers);
show();
void ready();
