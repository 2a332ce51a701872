import type { ExecutionResultPayload } from '@graphiql/toolkit';
import { type DocumentNode, getOperationAST } from 'graphql';

/** Whether the operation that is run of a document is a subscription. */
export function isSubscription(document?: DocumentNode, operationName?: string | null): boolean {
  return !!document && getOperationAST(document, operationName)?.operation === 'subscription';
}

/**
 * Posts a subscription and hands on its answers as they come, from an event stream.
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
