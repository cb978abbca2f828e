import { useEffect, useState } from "react";
import { pick, useGraphiQL, useGraphiQLActions } from "@graphiql/react";
import { spent } from "./fetcher";
import { lessons, type Known, type Lesson } from "./lessons";
import { post, type People } from "./people";
import { useStore } from "./store";

interface Props {
  people: People;
  known: Known;
}

/** Who asks, what the tab needs, and what the last answer cost. */
export function Bar({ people, known }: Props) {
  const { tabs, activeTabIndex } = useGraphiQL(pick("tabs", "activeTabIndex"));
  const name = tabs[activeTabIndex]?.title;
  const lesson = people.config.demo ? lessons.find((l) => l.name === name) : undefined;
  const { queryEditor } = useGraphiQL(pick("queryEditor"));
  useEffect(() => queryEditor?.updateOptions({ wordWrap: "on" }), [queryEditor]); // comments are for reading
  const missing = useLesson(lesson, people, known);
  return (
    <header className="bar">
      <span className="brand">Holdfast</span>
      {people.config.demo && <Identities people={people} />}
      <a href="/reference">Reference</a>
      {people.config.demo && people.config.race && <a href="/playground/race.html">Race for the last one</a>}
      {lesson?.name === "WatchStock" && known.first && <OtherBuyer people={people} variant={known.first} />}
      <Line lesson={lesson} people={people} missing={missing} />
    </header>
  );
}

/** Opens a lesson: becomes whom it needs, and fills in what is known. The name of the lesson that has to run first, or "". */
function useLesson(lesson: Lesson | undefined, people: People, known: Known): string {
  const { variableEditor, activeTabIndex } = useGraphiQL(pick("variableEditor", "activeTabIndex"));
  const { updateActiveTabValues } = useGraphiQLActions();
  const last = useStore(spent); // each answer may say what was missing
  useEffect(() => {
    if (lesson?.as) people.become(lesson.as);
  }, [lesson, people]);
  const values = lesson?.variables(known) ?? {};
  const text = JSON.stringify(values, null, 2);
  useEffect(() => {
    if (!lesson || !variableEditor) return;
    const merged = merge(variableEditor.getValue(), values);
    if (merged === variableEditor.getValue()) return;
    variableEditor.setValue(merged);
    updateActiveTabValues({ variables: merged });
    // eslint-disable-next-line react-hooks/exhaustive-deps -- text is values
  }, [lesson, variableEditor, activeTabIndex, text, last, updateActiveTabValues]);
  return lesson?.after && Object.values(values).includes(undefined) ? lesson.after : "";
}

/** What is known, in the place of what the editor has under the same names. What else the lesson has no names for goes. */
function merge(text: string, values: Record<string, string | undefined>): string {
  let typed: Record<string, unknown> = {};
  try {
    typed = JSON.parse(text || "{}") as Record<string, unknown>;
  } catch {
    // being typed
  }
  const out = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value ?? typed[name]]));
  return JSON.stringify(out, null, 2);
}

function Identities({ people }: { people: People }) {
  const current = useStore(people.current);
  return (
    <div className="people" role="radiogroup" aria-label="Who you are">
      {[{ key: "", name: "Anonymous" }, ...people.config.people].map(({ key, name }) => (
        <button key={key} type="button" role="radio" aria-checked={current === key} onClick={() => people.become(key)}>
          {name}
        </button>
      ))}
    </div>
  );
}

const buyOne = `mutation BuyOne($key: String!, $variant: ID!) {
  checkoutPlace(input: {idempotencyKey: $key, lines: [{variantId: $variant, quantity: 1}], shipTo: {
    name: "梅", phone: "13900139000", province: "上海市", city: "上海市", street: "南京路 2 号"}}) { userErrors { message } }
}`;

/** A second buyer at the press of a button: what one watches has to move. */
function OtherBuyer({ people, variant }: { people: People; variant: string }) {
  const [trouble, setTrouble] = useState("");
  const buy = async () => {
    const authorization = await people.authorization("other");
    const answer = await post<{ data?: { checkoutPlace: { userErrors: { message: string }[] } }; errors?: { message: string }[] }>(
      { query: buyOne, variables: { key: crypto.randomUUID(), variant } },
      authorization ? { Authorization: authorization } : {},
    );
    setTrouble(answer.data?.checkoutPlace.userErrors[0]?.message ?? answer.errors?.[0]?.message ?? "");
  };
  return (
    <>
      <button type="button" className="act" onClick={() => void buy().catch((e: unknown) => setTrouble(String(e)))}>
        Somebody else buys one
      </button>
      {trouble && <span className="refused">{trouble}</span>}
    </>
  );
}

function Line({ lesson, people, missing }: { lesson?: Lesson; people: People; missing: string }) {
  const last = useStore(spent);
  const trouble = useStore(people.trouble);
  const current = useStore(people.current);
  const needs = lesson?.as && lesson.as !== current ? people.config.people.find((p) => p.key === lesson.as)?.name : undefined;
  return (
    <div className="line" role="status">
      {trouble && <span className="refused">Not logged in: {trouble}</span>}
      {missing && <span className="hint">Run {missing} first: this tab takes its ids from there.</span>}
      {needs && <span className="hint">This tab is for: {needs}.</span>}
      {last && (
        <span className="spent">
          {last.operation}
          {last.cost !== undefined && (
            <>
              {" "}
              · cost <b>{last.cost.toLocaleString("en")}</b> of {last.limit?.toLocaleString("en")}
            </>
          )}{" "}
          · {Math.max(1, Math.round(last.took))} ms
        </span>
      )}
      {last && last.refused.length > 0 && <span className="refused">{[...new Set(last.refused)].join(", ")}</span>}
    </div>
  );
}
