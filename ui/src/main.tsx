// First, so that Monaco finds its workers among our own files.
import 'graphiql/setup-workers/vite';
import { explorerPlugin } from '@graphiql/plugin-explorer';
import { HISTORY_PLUGIN } from '@graphiql/plugin-history';
import { GraphiQL } from 'graphiql';
import { createRoot } from 'react-dom/client';
import 'graphiql/style.css';
import '@graphiql/plugin-explorer/style.css';
import './brand.css';
import './narrow.css';
import { readConfig } from './config';
import icon from './icon.svg';
import { planPlugin } from './plan/plugin';
import { createFetcher } from './post';

const { endpoint, examples } = readConfig();

createRoot(document.getElementById('root')!).render(
  <GraphiQL
    fetcher={createFetcher(endpoint)}
    plugins={[HISTORY_PLUGIN, explorerPlugin(), planPlugin(endpoint)]}
    defaultQuery=""
    {...(examples.length > 0 && { defaultTabs: examples.map((query) => ({ query })) })}
  >
    <GraphiQL.Logo>
      <span className="plait-brand">
        <img src={icon} alt="" width="18" height="18" />
        Plait
      </span>
    </GraphiQL.Logo>
  </GraphiQL>,
);
