import type { ExecutionResultPayload } from '@graphiql/toolkit';
import { BREAK, getOperationAST, type OperationDefinitionNode, parse, visit } from 'graphql';

import { send } from './send';

/** The operation of a document that has this name; null where there is none, or no document. */
export function operationOf(query: string, name?: string | null): OperationDefinitionNode | null {
  try {
    return getOperationAST(parse(query), name) ?? null;
  } catch {
    return null; // the server says what is wrong with it
  }
}

/** Directives by which a client asks for more than one answer. */
const MORE = new Set(['live', 'defer', 'stream']);

/** Whether an operation of a document may have many answers: a subscription, or by a directive. */
export function isStream(query: string, run: OperationDefinitionNode | null): boolean {
  if (run === null) return false;
  let found = run.operation === 'subscription';
  visit(parse(query, { noLocation: true }), {
    Directive({ name }) {
      found ||= MORE.has(name.value);
      return found ? BREAK : undefined;
    },
  });
  return found;
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
  const response = await send(endpoint, params, 'text/event-stream', headers, signal);
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
