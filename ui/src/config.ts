/** What the gateway writes into the page: where to post, and the queries of the first tabs. */
export interface PageConfig {
  endpoint: string;
  examples: string[];
}

/** The page's settings; under `vite` alone, where no gateway filled them in, a local default. */
export function readConfig(): PageConfig {
  const text = document.getElementById('plait-config')?.textContent ?? '{}';
  const { endpoint = './graphql', examples = [] } = JSON.parse(text) as Partial<PageConfig>;
  return { endpoint, examples };
}
