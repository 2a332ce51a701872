import type { ExecutionResultPayload, Fetcher, FetcherParams, Observable } from '@graphiql/toolkit';

import { send } from './send';
import { isStream, operationOf, stream } from './stream';

interface Observer {
  next(value: ExecutionResultPayload): void;
  error(error: unknown): void;
  complete(): void;
}

const ACCEPT = 'application/graphql-response+json, application/json;q=0.9';

/**
 * Posts one GraphQL request and gives back the parsed response, whatever its status.
 * Rejects when the server does not answer, or answers something that is not JSON.
 */
export async function post(
  endpoint: string,
  params: object,
  headers: HeadersInit = {},
  signal: AbortSignal | null = null,
): Promise<unknown> {
  const response = await send(endpoint, params, ACCEPT, headers, signal);
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    const kind = response.headers.get('content-type') ?? 'no content type';
    throw new Error(`The server answered ${response.status} with ${kind}, which is not JSON.`);
  }
}

/** GraphiQL's way to the server; an observable, so that its stop button really ends the request. */
export function createFetcher(endpoint: string): Fetcher {
  return ({ query, operationName, ...rest }: FetcherParams, options) => {
    // Just after another tab was chosen, GraphiQL still names the operation of the one before.
    const run = operationOf(query, operationName) ?? operationOf(query);
    const params = { query, operationName: run ? run.name?.value : operationName, ...rest };
    const answer = {
      subscribe(observer: Observer) {
        const abort = new AbortController();
        const next = (result: unknown) => observer.next(result as ExecutionResultPayload);
        const done = isStream(query, run)
          ? stream(endpoint, params, options?.headers ?? {}, abort.signal, next)
          : post(endpoint, params, options?.headers, abort.signal).then(next);
        done.then(
          () => observer.complete(),
          // As a plain object: GraphiQL would show an Error's stack, which helps nobody here.
          ({ message }: Error) => {
            if (!abort.signal.aborted) observer.error({ message });
          },
        );
        return { unsubscribe: () => abort.abort() };
      },
    };
    // Its type also allows bare callbacks, which GraphiQL never passes.
    return answer as Observable<ExecutionResultPayload>;
  };
}
