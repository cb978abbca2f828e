import "./workers";
import { createRoot } from "react-dom/client";
import { App } from "./App";
import { loadConfig } from "./people";
import "graphiql/style.css";
import "./style.css";

const root = createRoot(document.getElementById("root")!);
try {
  root.render(<App config={await loadConfig()} />);
} catch (e) {
  root.render(<p className="trouble">The playground cannot start: {e instanceof Error ? e.message : String(e)}</p>);
}
