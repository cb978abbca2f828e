import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createContext, runInContext } from "node:vm";
import { afterAll } from "vitest";

/** What a page gave to Page(), or an app to App(): its data, its handlers, and whatever else it keeps. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- as loose as the runtime: its bundles have no types
export type Options = Record<string, any>;

const made: string[] = [];
afterAll(() => made.forEach((folder) => rmSync(folder, { recursive: true })));

/** Builds the sample as `npm run build` does, into a folder of its own. Without an appId it is the one that logs in and pays by itself. */
export function build(endpoint: string, appId = "wxdemo"): string {
  const folder = mkdtempSync(join(tmpdir(), "sample-"));
  made.push(folder);
  const dist = join(folder, "dist");
  const script = fileURLToPath(new URL("../build.mjs", import.meta.url));
  const env = { ...process.env, HOLDFAST_SAMPLE_DIST: dist, HOLDFAST_ENDPOINT: endpoint, HOLDFAST_APP_ID: appId };
  execFileSync(process.execPath, [script], { env, stdio: "inherit" });
  return dist;
}

/**
 * Runs a built mini-program with the globals that WeChat's runtime has, and no others: no window, no fetch, no URL, and no eval.
 * Pages are made as there: each gets a copy of the data, and what setData is given crosses to the view as JSON.
 */
export class MiniProgram {
  readonly app: Options;
  private readonly context: ReturnType<typeof createContext>;
  private given: Options = {};

  constructor(
    private readonly dist: string,
    wx: object,
  ) {
    const take = (options: Options) => void (this.given = options);
    const globals = { wx, App: take, Page: take, getApp: () => this.app, console, setTimeout, clearTimeout, setInterval, clearInterval };
    this.context = createContext(globals, { codeGeneration: { strings: false, wasm: false } });
    this.app = this.run("app");
  }

  /** Starts the app. */
  launch(): void {
    this.app.onLaunch?.({});
  }

  /** The names of all pages. */
  get pages(): string[] {
    return JSON.parse(this.text("app.json")).pages;
  }

  /** A file of what was built. */
  text(path: string): string {
    return readFileSync(join(this.dist, path), "utf8");
  }

  /** What the script of a page gives to Page(), or that of the app to App(). */
  run(name: string): Options {
    this.given = {};
    runInContext(this.text(`${name}.js`), this.context, { filename: `${name}.js` });
    return this.given;
  }

  /** Opens a page by its address, as wx.navigateTo does, and waits until it has loaded. */
  async open(url: string): Promise<Options> {
    const [path = "", query = ""] = url.replace(/^\//, "").split("?");
    const options = this.run(path);
    const page: Options = { ...options, data: JSON.parse(JSON.stringify(options.data)) };
    page.setData = (patch: object) => Object.assign(page.data, JSON.parse(JSON.stringify(patch)));
    await page.onLoad?.(Object.fromEntries(new URLSearchParams(query)));
    await page.onShow?.();
    return page;
  }
}

/** A tap on something with data-… attributes, or what was typed into it. */
export const event = (dataset: Record<string, string | number> = {}, value: unknown = undefined) => ({ currentTarget: { dataset }, detail: { value } });
