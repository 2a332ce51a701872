import type { ExecutionResultPayload } from '@graphiql/toolkit';
import { getOperationAST, type OperationDefinitionNode, parse } from 'graphql';

/** The operation of a document that has this name; null where there is none, or no document. */
export function operationOf(query: string, name?: string | null): OperationDefinitionNode | null {
  try {
    return getOperationAST(parse(query), name) ?? null;
  } catch {
    return null; // the server says what is wrong with it
  }
}

/** Whether an operation has many answers: a subscription, or a query with `@live`. */
export function isStream(run: OperationDefinitionNode | null): boolean {
  const live = run?.directives?.some((directive) => directive.name.value === 'live');
  return run?.operation === 'subscription' || (run?.operation === 'query' && !!live);
}

/**
 * Posts such an operation and hands on its answers as they come, from an event stream.
 * Rejects when the server does not answer, or with something that is neither events nor JSON.
 */
export async function stream(
  endpoint: string,
  params: object,
  headers: HeadersInit,
  signal: AbortSignal,
  next: (result: ExecutionResultPayload) => void,
): Promise<void> {
  const all = new Headers(headers);
  all.set('content-type', 'application/json');
  all.set('accept', 'text/event-stream');
  const body = JSON.stringify(params);
  const response = await fetch(endpoint, { method: 'POST', body, headers: all, signal });
  if (!response.headers.get('content-type')?.startsWith('text/event-stream') || !response.body) {
    next(JSON.parse(await response.text()));
    return;
  }
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) throw new Error('The server ended the stream.');
    const events = (rest + value).split('\n\n');
    rest = events.pop() ?? '';
    for (const event of events) {
      const lines = event.split('\n');
      if (lines.includes('event: complete')) return;
      const data = lines.filter((line) => line.startsWith('data:')).map((line) => line.slice(5));
      if (data.length > 0) next(JSON.parse(data.join('\n')));
    }
  }
}
