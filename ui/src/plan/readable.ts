import type { Request } from './explain';

const QUOTED = /('(?:[^']|'')*'|"(?:[^"]|"")*")/;
const CLAUSE = new RegExp(
  [
    String.raw`(?<=\()(?=select\b)`,
    String.raw`\s+(?=(?:from|where|group by|having|order by|limit|offset|union)\b)`,
    String.raw`(?<!\b(?:left|right|full|inner|cross|outer))\s+(?=(?:(?:left|right|full|inner|cross)\s+(?:outer\s+)?)?join\b)`,
  ].join('|'),
  'i',
);

/** A request as text: its SQL a clause a line, and what else it has as indented JSON. */
export function readable({ sql, ...rest }: Request): string {
  const parts = typeof sql === 'string' ? [clauses(sql)] : [];
  if (Object.keys(rest).length > 0) parts.push(JSON.stringify(rest, null, 2));
  return parts.join('\n\n');
}

/** Breaks SQL before its clauses, indented by open parentheses; only white space changes. */
function clauses(sql: string): string {
  let depth = 0;
  const follow = (text: string) => {
    for (const sign of text) depth += sign === '(' ? 1 : sign === ')' ? -1 : 0;
    return text;
  };
  const lay = (plain: string) => {
    const [first = '', ...rest] = plain.split(CLAUSE);
    return rest.reduce((done, part) => `${done}\n${'  '.repeat(depth)}${follow(part)}`, follow(first));
  };
  return sql
    .split(QUOTED)
    .map((part, index) => (index % 2 === 1 ? part : lay(part)))
    .join('');
}
