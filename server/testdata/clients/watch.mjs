// Watches the stock of a variant with one of the official clients and prints each state as a line of JSON.
//
//   node watch.mjs graphql-ws|apollo|urql http://HOST/graphql ws://HOST/graphql VARIANT [TOKEN]
//
// Before that it sends an ordinary query with the same client, where the client has such a thing: {"query": true} says that it worked.
import { createClient } from "graphql-ws";
import WebSocket from "ws";

const [kind, http, url, variant, token] = process.argv.slice(2);
const document = `subscription ($ids: [ID!]!) { stockChanged(variantIds: $ids) { variantId available version onHand } }`;
const shops = `{ shops(first: 1) { nodes { id name } } }`;
const variables = { ids: [variant] };
const print = (line) => process.stdout.write(JSON.stringify(line) + "\n");
const fail = (error) => {
  print({ error: String(error?.message ?? JSON.stringify(error)) });
  process.exit(1);
};

const socket = createClient({
  url,
  webSocketImpl: WebSocket,
  lazy: kind !== "graphql-ws",
  retryAttempts: 100,
  shouldRetry: () => true, // also when the connection could not be opened, which the client takes for fatal otherwise
  retryWait: () => new Promise((resolve) => setTimeout(resolve, 50)),
  connectionParams: token ? { authorization: `Bearer ${token}` } : undefined,
  on: { connected: () => print({ connected: true }), closed: (event) => print({ closed: event?.code ?? 0 }) },
});

switch (kind) {
  case "graphql-ws":
    socket.subscribe(
      { query: document, variables },
      { next: ({ data, errors }) => (errors ? fail(errors) : print(data.stockChanged)), error: fail, complete: () => process.exit(0) },
    );
    break;

  case "apollo": {
    const { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } = await import("@apollo/client");
    const { GraphQLWsLink } = await import("@apollo/client/link/subscriptions");
    const client = new ApolloClient({
      cache: new InMemoryCache(),
      link: ApolloLink.split(
        ({ operationType }) => operationType === "subscription",
        new GraphQLWsLink(socket),
        new HttpLink({ uri: http }),
      ),
    });
    const { data } = await client.query({ query: gql(shops) });
    print({ query: data.shops.nodes.length === 1 });
    client.subscribe({ query: gql(document), variables }).subscribe({ next: ({ data, error }) => (error ? fail(error) : print(data.stockChanged)), error: fail });
    break;
  }

  case "urql": {
    const { Client, fetchExchange, subscriptionExchange } = await import("@urql/core");
    const client = new Client({
      url: http,
      preferGetMethod: false,
      exchanges: [
        fetchExchange,
        subscriptionExchange({
          forwardSubscription: (request) => ({
            subscribe: (sink) => ({ unsubscribe: socket.subscribe({ query: request.query ?? "", variables: request.variables }, sink) }),
          }),
        }),
      ],
    });
    const { data, error } = await client.query(shops, {}).toPromise();
    if (error) fail(error);
    print({ query: data.shops.nodes.length === 1 });
    client.subscription(document, variables).subscribe(({ data, error }) => (error ? fail(error) : print(data.stockChanged)));
    break;
  }

  default:
    fail(new Error(`no client called ${kind}`));
}
