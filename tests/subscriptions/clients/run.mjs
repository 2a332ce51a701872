// Subscribes through the public clients at the URL given; prints one JSON object per conversation.
import { createClient as createSse } from 'graphql-sse';
import { createClient as createWs } from 'graphql-ws';
import WebSocket from 'ws';

const url = process.argv[2];
const key = process.argv[3];

const clients = {
  'graphql-ws': createWs({
    url: url.replace('http', 'ws'),
    webSocketImpl: WebSocket,
    connectionParams: { 'X-API-Key': key },
    retryAttempts: 0,
    keepAlive: 10,
  }),
  'graphql-sse': createSse({ url, headers: { 'X-API-Key': key }, retryAttempts: 0 }),
};
const operations = {
  subscription: { query: 'subscription S($n: Int!) { countdown(start: $n) }', variables: { n: 3 } },
  query: { query: '{ __typename }' },
  invalid: { query: '{ nothing }' },
  refused: { query: 'subscription { refusing }' },
};

for (const [name, client] of Object.entries(clients)) {
  for (const [operation, payload] of Object.entries(operations)) {
    const heard = [];
    let end = 'complete';
    try {
      for await (const result of client.iterate(payload)) heard.push(result);
    } catch (error) {
      end = Array.isArray(error) ? error.map(({ message }) => message) : String(error);
    }
    console.log(JSON.stringify({ client: name, operation, heard, end }));
  }
  const live = [];
  for await (const { data } of client.iterate({ query: 'query @live { story(id: 781) { title } }' })) {
    live.push(Number(data.story.title));
    if (live.length === 3) break;
  }
  console.log(JSON.stringify({ client: name, operation: 'live', heard: live }));
  // One that is left alone in the middle, and another that follows on the same client.
  for await (const { data } of client.iterate({ query: 'subscription { countdown(start: 9) }' })) {
    if (data.countdown === 8) break;
  }
  const after = client.iterate({ query: '{ __typename }' });
  console.log(JSON.stringify({ client: name, operation: 'after', heard: [(await after.next()).value] }));
  await client.dispose();
}
