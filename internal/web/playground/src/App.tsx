import { useState } from "react";
import { GraphiQLInterface, HISTORY_PLUGIN } from "graphiql";
import { GraphiQLProvider } from "@graphiql/react";
import { DOC_EXPLORER_PLUGIN, DocExplorerStore } from "@graphiql/plugin-doc-explorer";
import { HistoryStore } from "@graphiql/plugin-history";
import { Bar } from "./Bar";
import { fetcherOf } from "./fetcher";
import { lessons, plainQuery, type Known } from "./lessons";
import { People, type Config } from "./people";
import { forgetful } from "./storage";

/** GraphiQL, with a bar above it that says who asks, and tabs that run as they are. */
export function App({ config }: { config: Config }) {
  const [made] = useState(() => {
    const people = new People(config);
    const known: Known = { keys: {} };
    const fetcher = fetcherOf(people, (operation, data) => {
      lessons.find((l) => l.name === operation)?.learn?.(data, known);
    });
    const tabs = config.demo ? lessons.map(({ query }) => ({ query, variables: "{}" })) : [{ query: plainQuery }];
    return { people, known, fetcher, tabs, storage: forgetful(localStorage) };
  });
  return (
    <GraphiQLProvider
      fetcher={made.fetcher}
      storage={made.storage}
      defaultTabs={made.tabs}
      shouldPersistHeaders={false}
      inputValueDeprecation
      schemaDescription
      plugins={plugins}
      referencePlugin={DOC_EXPLORER_PLUGIN}
    >
      <HistoryStore>
        <DocExplorerStore>
          <Bar people={made.people} known={made.known} />
          <GraphiQLInterface showPersistHeadersSettings={false} defaultEditorToolsVisibility={wide ? "variables" : false} />
        </DocExplorerStore>
      </HistoryStore>
    </GraphiQLProvider>
  );
}

// As in style.css. On a phone variables are one touch away, and the query is to be seen.
const wide = !matchMedia("(max-width: 700px)").matches;

const plugins = [DOC_EXPLORER_PLUGIN, HISTORY_PLUGIN];
