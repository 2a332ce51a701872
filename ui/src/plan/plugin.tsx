import { Button, useGraphiQL, type GraphiQLPlugin } from '@graphiql/react';
import { useCallback, useEffect, useRef, useState } from 'react';
import { explain, NoPlan, type EditorTexts, type Plan } from './explain';
import { PlanTree } from './PlanTree';
import './plan.css';

type State =
  | { at: 'asking' }
  | { at: 'plan'; plan: Plan }
  | { at: 'nothing'; reason: string; failed: boolean };

/** A GraphiQL pane that shows how the gateway would answer the query in the editor. */
export function planPlugin(endpoint: string): GraphiQLPlugin {
  return { title: 'Plan', icon: PlanIcon, content: () => <PlanPane endpoint={endpoint} /> };
}

function PlanPane({ endpoint }: { endpoint: string }) {
  const texts = useEditorTexts();
  const tab = useGraphiQL((state) => state.tabs[state.activeTabIndex]?.id);
  const [state, setState] = useState<State>({ at: 'asking' });

  const ask = useCallback(() => {
    const abort = new AbortController();
    const settle = (next: State) => {
      if (!abort.signal.aborted) setState(next);
    };
    setState({ at: 'asking' });
    explain(endpoint, texts(), abort.signal).then(
      (plan) => settle({ at: 'plan', plan }),
      (error: Error) =>
        settle({ at: 'nothing', reason: error.message, failed: !(error instanceof NoPlan) }),
    );
    return () => abort.abort();
  }, [endpoint, texts]);

  // Opening the pane or changing the tab asks again; typing does not.
  useEffect(() => ask(), [ask, tab]);

  return (
    <section className="plait-plan">
      <header>
        <h2>Plan</h2>
        <Button onClick={ask}>Explain again</Button>
      </header>
      {state.at === 'asking' && <p className="plait-plan-quiet">Asking the gateway…</p>}
      {state.at === 'nothing' && (
        <p className={state.failed ? 'plait-plan-failed' : 'plait-plan-quiet'}>{state.reason}</p>
      )}
      {state.at === 'plan' && <PlanTree plan={state.plan} />}
    </section>
  );
}

/** Reads the editors when called: neither typing nor moving the cursor makes another. */
function useEditorTexts(): () => EditorTexts {
  const query = useGraphiQL((state) => state.queryEditor);
  const variables = useGraphiQL((state) => state.variableEditor);
  const headers = useGraphiQL((state) => state.headerEditor);
  const operationName = useRef<string | undefined>(undefined);
  operationName.current = useGraphiQL((state) => state.operationName);
  return useCallback(
    () => ({
      query: query?.getValue() ?? '',
      variables: variables?.getValue() ?? '',
      headers: headers?.getValue() ?? '',
      operationName: operationName.current,
    }),
    [query, variables, headers],
  );
}

function PlanIcon() {
  return (
    <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.5" aria-hidden="true">
      <rect x="8.5" y="2.5" width="7" height="5" rx="1" />
      <rect x="2.5" y="16.5" width="7" height="5" rx="1" />
      <rect x="14.5" y="16.5" width="7" height="5" rx="1" />
      <path d="M12 7.5v4.5M6 16.5V12h12v4.5" />
    </svg>
  );
}
