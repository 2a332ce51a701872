import { tryParseJSONC } from '@graphiql/react';
import { Kind, parse, type OperationDefinitionNode } from 'graphql';
import { post } from '../post';

/** A native request: SQL under `sql`, for other engines whatever describes it. */
export type Request = Record<string, unknown>;

/** One request that the gateway would send to one source, and the fields that it answers. */
export interface Fetch {
  source: string;
  paths: string[];
  kind: string;
  request: Request;
  /** By name, what is asked where a search may go more than one way. */
  branches?: Record<string, Request>;
}

/** Requests of one wave run at once; a wave starts when the one before it has answered. */
export interface Plan {
  waves: Fetch[][];
  /** What the query counts as, where the gateway bounds that. */
  cost?: number;
}

/** What the editors hold, as text. */
export interface EditorTexts {
  query: string;
  variables: string;
  headers: string;
  operationName: string | undefined;
}

/** A reason, fit for the reader, why there is no plan to show. */
export class NoPlan extends Error {}

/**
 * Asks the server for the plan of the query in the editors.
 * Only queries are sent: a server that knows nothing of plans would execute a mutation.
 * Throws `NoPlan` when there is nothing to explain or the server sends no plan.
 */
export async function explain(
  endpoint: string,
  texts: EditorTexts,
  signal: AbortSignal,
): Promise<Plan> {
  const operation = chosenQuery(texts);
  const result = await post(
    endpoint,
    {
      query: texts.query,
      variables: parseObject(texts.variables, 'variables'),
      operationName: operation.name?.value,
      extensions: { plait: { explain: true } },
    },
    parseObject(texts.headers, 'headers') as Record<string, string>,
    signal,
  );
  return planOf(result);
}

/** The query that would run; the name may be that of an operation no longer in the editor. */
function chosenQuery({ query, operationName }: EditorTexts): OperationDefinitionNode {
  if (query.trim() === '') throw new NoPlan('Write a query, and its plan appears here.');
  let document;
  try {
    document = parse(query, { noLocation: true });
  } catch (error) {
    throw new NoPlan(`The query cannot be read yet: ${(error as Error).message}`);
  }
  const operations = document.definitions.filter((node) => node.kind === Kind.OPERATION_DEFINITION);
  const chosen = operations.find((node) => node.name?.value === operationName) ?? operations[0];
  if (chosen?.operation !== 'query') throw new NoPlan('Only queries have a plan to show.');
  return chosen;
}

function parseObject(text: string, name: string): Record<string, unknown> {
  try {
    return tryParseJSONC(text) ?? {};
  } catch (error) {
    throw new NoPlan(`The ${name} cannot be read: ${(error as Error).message}`);
  }
}

function planOf(result: unknown): Plan {
  const { extensions, errors } = (result ?? {}) as {
    extensions?: { plan?: unknown };
    errors?: { message: string }[];
  };
  if (isPlan(extensions?.plan)) return extensions.plan;
  const reason = errors?.[0]?.message;
  throw new NoPlan(reason ?? 'This server answers without a plan. Explaining may be switched off.');
}

function isPlan(value: unknown): value is Plan {
  const waves = (value as Plan | undefined)?.waves;
  return Array.isArray(waves) && waves.every(Array.isArray);
}
