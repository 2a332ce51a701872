/**
 * Posts a GraphQL request as JSON and gives back the response, of whatever status and kind.
 * Rejects when the server does not answer.
 */
export function send(
  endpoint: string,
  params: object,
  accept: string,
  headers: HeadersInit = {},
  signal: AbortSignal | null = null,
): Promise<Response> {
  const all = new Headers(headers);
  all.set('content-type', 'application/json');
  all.set('accept', accept);
  const body = JSON.stringify(params);
  return fetch(endpoint, { method: 'POST', body, headers: all, signal }).catch((error: Error) => {
    throw new Error(`The server cannot be reached (${error.message}).`);
  });
}
