// What devtools would find only when somebody looks at the page: files, handlers and variables that are not there.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { build, MiniProgram } from "./miniprogram";
import { needs, parseWXML } from "./wxml";

const dist = build("");
const program = new MiniProgram(dist, {});

test("the tabs and the project name what is there", () => {
  const app = JSON.parse(program.text("app.json"));
  for (const { pagePath } of app.tabBar.list) {
    expect(program.pages).toContain(pagePath);
  }
  const project = JSON.parse(readFileSync(new URL("../project.config.json", import.meta.url), "utf8"));
  expect(project).toMatchObject({ compileType: "miniprogram", miniprogramRoot: "dist/" });
});

describe.each(program.pages)("%s", (page) => {
  test("has its four files", () => {
    for (const kind of ["js", "json", "wxml", "wxss"]) {
      expect(existsSync(join(dist, `${page}.${kind}`)), `${page}.${kind}`).toBe(true);
    }
    JSON.parse(program.text(`${page}.json`));
  });

  test("has every handler and every variable that its WXML names", () => {
    const { handlers, variables } = needs(parseWXML(program.text(`${page}.wxml`)));
    const options = program.run(page);
    expect([...handlers].filter((name) => typeof options[name] !== "function")).toEqual([]);
    expect([...variables].filter((name) => !(name in options.data))).toEqual([]);
    expect(variables.size).toBeGreaterThan(3);
  });

  test("shows everything that it has", () => {
    const { variables } = needs(parseWXML(program.text(`${page}.wxml`)));
    const shown = (name: string) => variables.has(name) || ["id", "orderIds"].includes(name); // kept for links
    expect(Object.keys(program.run(page).data).filter((name) => !shown(name))).toEqual([]);
  });
});

test("the parser sees what is wrong", () => {
  expect(() => parseWXML("<view><text></view>")).toThrow("</view> ends <text>");
  expect(() => parseWXML("<view>")).toThrow("no end");
  expect(() => parseWXML('<view a="1" a="2" />')).toThrow("twice");
  expect(() => parseWXML("<view a=1 />")).toThrow("not WXML");
  const found = needs(parseWXML(`<view wx:for="{{item}}" wx:for-item="x" bindtap="go" catch:tap="stop">{{x.y + a.b[c] + 'd' + index}}</view>{{x ? 1 : true}}`));
  expect([...found.handlers]).toEqual(["go", "stop"]);
  expect([...found.variables].sort()).toEqual(["a", "c", "item", "x"]);
});
