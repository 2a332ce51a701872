// Runs queries in parts through public clients at the URL given; prints one JSON object for each.
import { createRequire } from 'node:module';
import * as apollo4 from '@apollo/client';
import { Defer20220824Handler, GraphQL17Alpha9Handler } from '@apollo/client/incremental';
import { Client, fetchExchange } from '@urql/core';
import { createClient as createSse } from 'graphql-sse';
import { meros } from 'meros/browser';

const apollo3 = createRequire(import.meta.url)('apollo-client-3/core/core.cjs');
const [url, queries] = [process.argv[2], JSON.parse(process.argv[3])];

// What each client emits, and what it holds at the end.
async function apollo({ ApolloClient, HttpLink, InMemoryCache, gql }, query, incrementalHandler) {
  const client = new ApolloClient({
    link: new HttpLink({ uri: url }),
    cache: new InMemoryCache({ addTypename: false }),
    incrementalHandler,
  });
  const emitted = [];
  const observable = client.watchQuery({ query: gql(query), fetchPolicy: 'no-cache' });
  await new Promise((resolve, reject) => {
    observable.subscribe({
      next({ data, error, loading, networkStatus, dataState }) {
        if (error) reject(error);
        if (data !== undefined && dataState !== 'empty') emitted.push(structuredClone(data));
        if (networkStatus === 7 && !loading) setTimeout(resolve, 200);
      },
      error: reject,
    });
  });
  client.stop();
  return emitted;
}

async function urql(query) {
  const client = new Client({ url, exchanges: [fetchExchange], preferGetMethod: false });
  const emitted = [];
  await new Promise((resolve, reject) => {
    client.query(query, {}).subscribe(({ data, error, hasNext }) => {
      if (error) reject(error);
      emitted.push(structuredClone(data));
      if (!hasNext) resolve();
    });
  });
  return emitted;
}

// As network layers (Relay's, GraphiQL's) put the parts together that these two read for them.
function merged(emitted, part) {
  const data = structuredClone(part.data ?? emitted.at(-1));
  for (const { path, data: fields, items } of part.incremental ?? []) {
    let at = data;
    for (const step of items ? path.slice(0, -1) : path) at = at[step];
    if (items) items.forEach((item, index) => (at[path.at(-1) + index] = item));
    else deeply(at, fields);
  }
  emitted.push(data);
}

function deeply(into, fields) {
  for (const [name, value] of Object.entries(fields)) {
    if (value && typeof value === 'object' && into[name]) deeply(into[name], value);
    else into[name] = value;
  }
}

async function withMeros(query) {
  const headers = { 'content-type': 'application/json', accept: 'multipart/mixed' };
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ query }) });
  const emitted = [];
  for await (const { body } of await meros(response)) merged(emitted, body);
  return emitted;
}

async function withSse(query) {
  const client = createSse({ url, retryAttempts: 0 });
  const emitted = [];
  for await (const part of client.iterate({ query })) merged(emitted, part);
  client.dispose();
  return emitted;
}

const clients = {
  'apollo 3': (query) => apollo(apollo3, query),
  'apollo 4, 2022': (query) => apollo(apollo4, query, new Defer20220824Handler()),
  'apollo 4, draft': (query) => apollo(apollo4, query, new GraphQL17Alpha9Handler()),
  urql,
  meros: withMeros,
  'graphql-sse': withSse,
};

for (const [client, run] of Object.entries(clients)) {
  for (const [kind, query] of Object.entries(queries)) {
    let emitted = [];
    let failure = null;
    try {
      emitted = await run(query);
    } catch (error) {
      failure = String(error?.stack ?? error);
    }
    console.log(JSON.stringify({ client, kind, emitted, failure }));
  }
}
