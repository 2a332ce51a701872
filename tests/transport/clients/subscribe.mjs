// Subscribes over multipart through Apollo Client at the URL given; prints one JSON object for each.
import { createRequire } from 'node:module';
import * as apollo4 from '@apollo/client';

const apollo3 = createRequire(import.meta.url)('apollo-client-3/core/core.cjs');
const url = process.argv[2];
const operations = {
  events: 'subscription { countdown(start: 3) }',
  refused: 'subscription { secretChanged { id } }',
  invalid: 'subscription { nothing }',
  left: 'subscription { countdown(start: 100) }',
};

for (const [client, library] of Object.entries({ 'apollo 3': apollo3, 'apollo 4': apollo4 })) {
  const { ApolloClient, HttpLink, InMemoryCache, gql } = library;
  const apollo = new ApolloClient({ link: new HttpLink({ uri: url }), cache: new InMemoryCache() });
  for (const [operation, document] of Object.entries(operations)) {
    const heard = [];
    const end = await new Promise((resolve) => {
      const subscription = apollo.subscribe({ query: gql(document) }).subscribe({
        next({ data, error }) {
          if (error) resolve(String(error));
          heard.push(data);
          if (operation === 'left' && heard.length === 2) {
            subscription.unsubscribe();
            resolve('left');
          }
        },
        error: (error) => resolve(String(error)),
        complete: () => resolve('complete'),
      });
    });
    console.log(JSON.stringify({ client, operation, heard, end }));
  }
  apollo.stop();
}
