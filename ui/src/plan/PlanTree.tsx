import type { Fetch, Plan } from './explain';
import { readable } from './readable';

/** The waves in order, each with what it sends to which source. */
export function PlanTree({ plan }: { plan: Plan }) {
  const requests = plan.waves.flat().length;
  if (requests === 0) return <p className="plait-plan-quiet">No source is asked for this query.</p>;
  return (
    <>
      <p className="plait-plan-quiet">
        {count(requests, 'request')} in {count(plan.waves.length, 'wave')}
        {plan.cost !== undefined && `, cost ${plan.cost}`}
      </p>
      <ol className="plait-plan-waves">
        {plan.waves.map((wave, index) => (
          <li key={index}>
            <h3>
              Wave {index + 1}
              {wave.length > 1 && <span>{wave.length} at once</span>}
            </h3>
            {wave.map((fetch, position) => (
              <FetchCard key={position} fetch={fetch} />
            ))}
          </li>
        ))}
      </ol>
    </>
  );
}

function FetchCard({ fetch }: { fetch: Fetch }) {
  return (
    <article>
      <h4>
        <span className="plait-plan-source">{fetch.source}</span>
        <span className="plait-plan-path">{fetch.paths.join(', ')}</span>
        <span className="plait-plan-kind">{fetch.kind}</span>
      </h4>
      <pre>{readable(fetch.request)}</pre>
      {Object.entries(fetch.branches ?? {}).map(([way, request]) => (
        <details key={way}>
          <summary>{way}</summary>
          <pre>{readable(request)}</pre>
        </details>
      ))}
    </article>
  );
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
