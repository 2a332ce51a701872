// Composes running subgraphs and serves the whole through Apollo's gateway.
//
// Arguments: `name=address` for each, or `name=file.graphql` to compose it only; a subgraph in
// JavaScript is added where `vets` is named.
// Prints one line of JSON: `errors` of the composition, or `url` and `supergraph`. Ends with stdin.
// Each answer's `extensions.sent` says what went to which subgraph.

import { readFileSync } from 'node:fs';
import { composeServices } from '@apollo/composition';
import { ApolloGateway, RemoteGraphQLDataSource } from '@apollo/gateway';
import { ApolloServer } from '@apollo/server';
import { parse } from 'graphql';
import { serve, serveVets, typeDefs } from './vets.mjs';

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

async function subgraph(argument) {
  if (argument === 'vets') return { name: 'vets', url: await serveVets(), typeDefs };
  const [name, url] = argument.split(/=(.*)/s);
  if (url.endsWith('.graphql')) return { name, url, typeDefs: parse(readFileSync(url, 'utf8')) };
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: '{ _service { sdl } }' }),
  });
  const { data } = await response.json();
  return { name, url, typeDefs: parse(data._service.sdl) };
}

class Subgraph extends RemoteGraphQLDataSource {
  constructor(name, url) {
    super({ url });
    this.name = name;
  }

  willSendRequest({ request, context }) {
    const user = context?.user;
    if (user) request.http.headers.set('x-user', user);
    context?.sent?.push({ to: this.name, query: request.query, variables: request.variables });
  }
}

const answers = (server) => async (given, headers) => {
  const sent = [];
  const { body } = await server.executeOperation(
    { query: given.query, variables: given.variables },
    { contextValue: { user: headers['x-user'], sent } },
  );
  return { ...body.singleResult, extensions: { sent } };
};

const services = await Promise.all(process.argv.slice(2).map(subgraph));
const composed = composeServices(services);
if (composed.errors?.length) {
  say({ errors: composed.errors.map((error) => error.message) });
} else {
  // Apollo's gateway refuses what only its router enforces; the subgraphs enforce it themselves.
  const supergraphSdl = composed.supergraphSdl.replaceAll(', for: SECURITY', '');
  const gateway = new ApolloGateway({
    supergraphSdl,
    buildService: ({ name, url }) => new Subgraph(name, url),
  });
  const server = new ApolloServer({ gateway });
  await server.start();
  say({ url: await serve(answers(server)), supergraph: composed.supergraphSdl });
}

process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
