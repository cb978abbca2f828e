import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";

interface Request {
  name: string;
  query: string;
  variables: Record<string, unknown>;
  token?: string;
  body: string;
}

/** What a scripted server does with a request: answers, or breaks the connection off. */
export type Script = (request: Request) => unknown | "cut" | Promise<unknown>;

/** A server that does as it is told, for one test. */
export async function scripted(script: Script) {
  const requests: Request[] = [];
  const sockets: { socket: WebSocket; messages: { type: string; id?: string; payload?: Record<string, unknown> }[] }[] = [];
  const server = createServer(async (message: IncomingMessage, response) => {
    const parts: Buffer[] = [];
    for await (const part of message) parts.push(part as Buffer);
    const body = Buffer.concat(parts).toString();
    const { query, variables } = JSON.parse(body) as { query: string; variables: Record<string, unknown> };
    const request = { name: /^\w+ (\w+)/.exec(query)?.[1] ?? "", query, variables, token: message.headers.authorization?.slice(7), body };
    requests.push(request);
    const answer = await script(request);
    if (answer === "cut") {
      message.socket.destroy();
    } else {
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer));
    }
  });
  new WebSocketServer({ server, handleProtocols: () => "graphql-transport-ws" }).on("connection", (socket) => {
    const one: (typeof sockets)[number] = { socket, messages: [] };
    sockets.push(one);
    socket.on("message", (data) => {
      const message = JSON.parse(String(data)) as (typeof one.messages)[number];
      one.messages.push(message);
      if (message.type === "connection_init") socket.send('{"type":"connection_ack"}');
      if (message.type === "ping") socket.send('{"type":"pong"}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = () => {
    sockets.forEach(({ socket }) => socket.terminate());
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`, requests, sockets, close };
}

/** The answer to sessionCreate or sessionRefresh. */
export const session = (field: "sessionCreate" | "sessionRefresh", accessToken: string, livesMs = 1_800_000) => ({
  data: {
    [field]: { session: { accessToken, refreshToken: `${accessToken}-refresh`, expiresAt: new Date(Date.now() + livesMs).toISOString() }, userErrors: [] },
  },
});

/** An answer that is an error. */
export const failure = (code: string, more: object = {}) => ({ errors: [{ message: code, extensions: { code, ...more } }], data: null });
