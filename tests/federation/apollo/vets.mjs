// The subgraph that is written in JavaScript: what vets know of the animals, and the rocks.

import { createServer } from 'node:http';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { graphql, parse } from 'graphql';

export const typeDefs = parse(`
  extend schema
    @link(url: "https://specs.apollo.dev/federation/v2.3",
          import: ["@key"])

  type Query {
    patients(ids: [ID!]!): [Animal]!
    fed: [Feeding!]!
    papers: [Passport!]!
    things: [Thing!]!
  }

  type Animal @key(fields: "id") {
    id: ID!
    weightOnMoon: Float
    nickname: String
    vet: String!
    scan: Scan
  }

  type Scan { organs: [Organ!]! takenBy: String }
  type Organ { name: String! size: Int }

  type Feeding @key(fields: "animalId day", resolvable: false) { animalId: ID! day: Date! }

  type Passport @key(fields: "code", resolvable: false) { code: ID! }

  scalar Date

  interface Thing @key(fields: "id") { id: ID! }
  type Rock implements Thing @key(fields: "id") { id: ID! hardness: Int! }
  type Leaf implements Thing @key(fields: "id") { id: ID! colour: String! }
`);

const rocks = [
  { __typename: 'Rock', id: '1', hardness: 7 },
  { __typename: 'Leaf', id: '2', colour: 'green' },
  { __typename: 'Rock', id: '999', hardness: 1 },
];

const patient = (id) => ({
  id,
  weightOnMoon: id === '3' ? null : Number(id) + 0.5,
  nickname: 'the vets say',
  vet: `Dr ${id}`,
  scan: id === '3' ? null : { organs: [{ name: 'heart', size: Number(id) }], takenBy: `Dr ${id}` },
});

const resolvers = {
  Query: {
    patients: (_, { ids }) => ids.map(patient),
    fed: () => [{ animalId: '1', day: '2024-02-01' }],
    papers: () => [{ code: 'P/1' }, { code: 'no such' }],
    things: () => rocks,
  },
  Animal: { __resolveReference: ({ id }) => patient(id) },
  Thing: {
    __resolveType: ({ __typename }) => __typename,
    __resolveReference: ({ id }) => rocks.find((one) => one.id === id),
  },
  Rock: { __resolveReference: ({ id }) => rocks.find((one) => one.id === id) },
  Leaf: { __resolveReference: ({ id }) => rocks.find((one) => one.id === id) },
};

const schema = buildSubgraphSchema([{ typeDefs, resolvers }]);

export async function body(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString('utf8'));
}

// Serves `answer`, which makes a GraphQL response of a request; gives the address.
export async function serve(answer) {
  const server = createServer(async (request, response) => {
    let found;
    try {
      found = await answer(await body(request), request.headers);
    } catch (error) {
      found = { errors: [{ message: String(error?.stack ?? error) }] };
    }
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(found));
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  return `http://127.0.0.1:${server.address().port}/graphql`;
}

export const serveVets = () =>
  serve(({ query, variables }) =>
    graphql({ schema, source: query, variableValues: variables }));
