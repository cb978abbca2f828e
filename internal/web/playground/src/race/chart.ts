import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { type Columns } from "./columns";

/** The chart of a race: the stock as a line of steps, each answer as a point at its moment, its latency as its height. */
export class RaceChart {
  private plot: uPlot | null = null;
  private data: Columns = [[0], [null], [null], [null], [null]];
  private readonly dark = matchMedia("(prefers-color-scheme: dark)");

  constructor(private readonly host: HTMLElement) {
    this.build();
    this.dark.addEventListener("change", () => this.build());
    new ResizeObserver(() => this.plot?.setSize(this.size())).observe(host);
  }

  /** Draws this instead of what was drawn. */
  draw(data: Columns): void {
    this.data = data;
    this.plot?.setData(data as uPlot.AlignedData);
  }

  private size(): { width: number; height: number } {
    const width = Math.max(240, this.host.clientWidth);
    return { width, height: width < 560 ? 260 : 340 };
  }

  /** Made anew when the colours change, as uPlot takes them once. */
  private build(): void {
    this.plot?.destroy();
    const css = getComputedStyle(this.host);
    const colour = (name: string) => css.getPropertyValue(name).trim();
    const text = colour("--muted");
    const grid = { stroke: colour("--line"), width: 1 };
    const axis = { stroke: text, grid, ticks: grid, font: "12px system-ui, sans-serif", labelFont: "12px system-ui, sans-serif", labelSize: 18 };
    const points = (label: string, name: string, size: number, filled: boolean): uPlot.Series => ({
      label,
      scale: "ms",
      stroke: colour(name),
      paths: () => null,
      points: { show: true, size, width: 2, stroke: colour(name), fill: filled ? colour(name) : "transparent" },
      value: (_, v) => (v === null ? "–" : `${v.toFixed(1)} ms`),
    });
    this.plot = new uPlot(
      {
        ...this.size(),
        scales: {
          x: { time: false, range: (_, min, max) => [Math.min(0, min), Math.max(20, max * 1.02)] },
          ms: { range: (_, __, max) => [0, Math.max(10, (max ?? 0) * 1.1)] },
          stock: { range: (_, __, max) => [0, Math.max(1, max ?? 1) * 1.1] },
        },
        axes: [
          { ...axis, label: "ms since the start" },
          { ...axis, scale: "ms", label: "latency, ms", size: 58 },
          { ...axis, scale: "stock", label: "stock", side: 1, size: 34, grid: { show: false }, incrs: [1, 2, 5, 10, 20] },
        ],
        series: [
          { label: "at", value: (_, v) => (v === null ? "–" : `${v.toFixed(0)} ms`) },
          {
            label: "stock",
            scale: "stock",
            stroke: colour("--stock"),
            width: 2,
            fill: colour("--stock-fill"),
            paths: uPlot.paths.stepped!({ align: 1 }),
            points: { show: false },
          },
          points("refused", "--refused", 6, false),
          points("failed", "--failed", 9, true),
          points("winner", "--won", 13, true),
        ],
        legend: { live: false },
        cursor: { drag: { x: false, y: false } },
      },
      this.data as uPlot.AlignedData,
      this.host,
    );
  }
}
