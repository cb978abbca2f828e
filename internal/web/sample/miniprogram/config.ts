/** Put in by the build, from the environment. */
declare const HOLDFAST_ENDPOINT: string;
declare const HOLDFAST_APP_ID: string;

/** Where the shops' server is, and who this mini-program is there: `HOLDFAST_ENDPOINT=… HOLDFAST_APP_ID=… npm run build`. */
export const config = {
  /** In a released mini-program an https address that is in its list of domains. */
  endpoint: HOLDFAST_ENDPOINT || "http://127.0.0.1:8080/graphql",
  /** The demo's shops belong to wxdemo. */
  appId: HOLDFAST_APP_ID || "wxdemo",
  /** Nobody's mini-program: log in as demo-lin, and pay in the sandbox after a question. */
  isDemo: !HOLDFAST_APP_ID,
};
