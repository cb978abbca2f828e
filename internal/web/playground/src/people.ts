import { store } from "./store";

/** Somebody whom the demo lets in, and with what: the input of sessionCreate. */
export interface Person {
  key: string;
  name: string;
  login: Record<string, unknown>;
}

/** What the server says of itself. */
export interface Config {
  demo: boolean;
  /** Whether the race page is there. */
  race: boolean;
  people: Person[];
}

/** Asks the server what it is. */
export async function loadConfig(): Promise<Config> {
  const answer = await fetch("/playground/config.json", { credentials: "omit" });
  if (!answer.ok) throw new Error(`/playground/config.json: ${answer.status}`);
  return (await answer.json()) as Config;
}

interface Session {
  accessToken: string;
  expiresAt: string;
}

interface LoginAnswer {
  data?: { sessionCreate: { session: Session | null; userErrors: { message: string }[] } } | null;
  errors?: { message: string }[];
}

const login = `mutation LogIn($input: SessionCreateInput!) {
  sessionCreate(input: $input) { session { accessToken expiresAt } userErrors { message } }
}`;

// Log in again this long before a session ends.
const margin = 60_000;

/** Who is logged in. Tokens live in here, and nowhere else. */
export class People {
  /** The key of who asks; "" for nobody. */
  readonly current = store("");
  /** What went wrong with the last log-in; "" for nothing. */
  readonly trouble = store("");
  private readonly sessions = new Map<string, Promise<Session>>();

  constructor(readonly config: Config) {}

  /** Becomes somebody, or with "" nobody. */
  become(key: string): void {
    this.current.set(key);
    this.trouble.set("");
    this.authorization(key).catch((e: unknown) => {
      if (this.current.get() === key) this.trouble.set(e instanceof Error ? e.message : String(e));
    });
  }

  /** The Authorization header of somebody, who is logged in if need be; undefined for nobody. */
  async authorization(key = this.current.get()): Promise<string | undefined> {
    const person = this.config.people.find((p) => p.key === key);
    if (!person) return undefined;
    let session = this.sessions.get(key);
    if (session && Date.parse((await session).expiresAt) < Date.now() + margin) session = undefined;
    if (!session) {
      session = logIn(person);
      this.sessions.set(key, session);
      session.catch(() => this.sessions.delete(key)); // so that the next click tries again
    }
    return `Bearer ${(await session).accessToken}`;
  }
}

async function logIn(person: Person): Promise<Session> {
  const answer = await post<LoginAnswer>({ query: login, variables: { input: person.login } });
  const made = answer.data?.sessionCreate;
  if (made?.session) return made.session;
  throw new Error(made?.userErrors[0]?.message ?? answer.errors?.[0]?.message ?? "the log-in was refused");
}

/** Sends an operation over HTTP. */
export async function post<T>(body: object, headers: Record<string, string> = {}): Promise<T> {
  const answer = await fetch("/graphql", {
    method: "POST",
    credentials: "omit",
    headers: { Accept: "application/graphql-response+json, application/json", "Content-Type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  return (await answer.json()) as T;
}
