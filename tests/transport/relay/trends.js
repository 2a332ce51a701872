// Pages, refetches and changes trends at the URL given, as Relay's hooks do; prints what the store has.
const relay = require('relay-runtime');

const [url, headers] = [process.argv[2], JSON.parse(process.argv[3])];
const COUNT = 2;

// What Relay's Babel plugin puts in place of a tag: the artifact that the compiler made of it.
const graphql = ([text]) => require(`../__generated__/${/(\w+)(\(| on|\s*{)/.exec(text)[1]}.graphql`);

const query = graphql`
  query trendsQuery($count: Int!) {
    ...trends_list @arguments(count: $count)
  }
`;
const list = graphql`
  fragment trends_list on Query
  @refetchable(queryName: "trendsPageQuery")
  @argumentDefinitions(count: { type: "Int!" }, cursor: { type: "String" }) {
    trends(first: $count, after: $cursor, orderBy: [{ id: ASC }]) @connection(key: "trends_trends") {
      edges { node { ...trends_one } }
    }
  }
`;
const one = graphql`
  fragment trends_one on Trend @refetchable(queryName: "trendsOneQuery") {
    id
    title
    topic { title }
  }
`;
const rename = graphql`
  mutation trendsRenameMutation($id: ID!, $title: String!) {
    updateTrend(id: $id, set: { title: $title }) { title }
  }
`;

async function post(query, variables) {
  const sent = { 'content-type': 'application/json', ...headers };
  return (await fetch(url, { method: 'POST', headers: sent, body: JSON.stringify({ query, variables }) })).json();
}

const asked = [];
const environment = new relay.Environment({
  getDataID: (record) => record.nodeId,
  store: new relay.Store(new relay.RecordSource()),
  network: relay.Network.create(async ({ name, text }, variables) => {
    asked.push(name);
    return post(text, variables);
  }),
});

const load = (request, variables) => relay.fetchQuery(environment, request, variables).toPromise();
const read = (fragment, owner) => environment.lookup(relay.getSelector(fragment, owner)).data;

async function main() {
  const operation = relay.createOperationDescriptor(query, { count: COUNT });
  environment.retain(operation);
  await load(query, { count: COUNT });
  const root = environment.lookup(operation.fragment).data;
  const trends = () => read(list, root).trends;
  const shown = () => trends().edges.map(({ node }) => read(one, node));

  // As usePaginationFragment's loadNext does.
  const { paginationRequest, paginationMetadata } = relay.getPaginationMetadata(list, 'trends');
  const pages = [trends().edges.length];
  while (trends().pageInfo.hasNextPage) {
    const { endCursor } = trends().pageInfo;
    const next = ['forward', COUNT, endCursor, { count: COUNT }, {}, paginationMetadata];
    await load(paginationRequest, relay.getPaginationVariables(...next));
    pages.push(trends().edges.length);
  }
  const paged = shown();

  // As useMutation does: the store knows the row by its `nodeId`.
  await new Promise((onCompleted, onError) => {
    const variables = { id: paged[0].id, title: 'Renamed' };
    relay.commitMutation(environment, { mutation: rename, variables, onCompleted, onError });
  });
  const renamed = shown()[0].title;

  // As useRefetchableFragment's refetch does, after a change that this client was not told of.
  const elsewhere = 'mutation ($id: ID!) { updateTrend(id: $id, set: { title: "Elsewhere" }) { id } }';
  await post(elsewhere, { id: paged[1].id });
  const { identifierInfo, refetchableRequest } = relay.getRefetchMetadata(one, 'trends');
  const { identifierField, identifierQueryVariableName } = identifierInfo;
  const identity = trends().edges[1].node[relay.ID_KEY];
  await load(refetchableRequest, { [identifierQueryVariableName]: identity });
  const refetched = shown()[1].title;
  console.log(JSON.stringify({ pages, paged, renamed, identifierField, refetched, asked }));
}

main();
