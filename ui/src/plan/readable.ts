const QUOTED = /('(?:[^']|'')*'|"(?:[^"]|"")*")/;
const CLAUSE = new RegExp(
  [
    String.raw`(?<=\()(?=select\b)`,
    String.raw`\s+(?=(?:from|where|group by|having|order by|limit|offset|union)\b)`,
    String.raw`(?<!\b(?:left|right|full|inner|cross|outer))\s+(?=(?:(?:left|right|full|inner|cross)\s+(?:outer\s+)?)?join\b)`,
  ].join('|'),
  'i',
);

/** A request as text with line breaks: JSON indented, SQL a clause a line, anything else as it is. */
export function readable(request: unknown): string {
  if (typeof request !== 'string') return JSON.stringify(request, null, 2);
  if (/^\s*[[{]/.test(request)) {
    try {
      return JSON.stringify(JSON.parse(request), null, 2);
    } catch {
      return request;
    }
  }
  return /^\s*(select|with|insert|update|delete)\b/i.test(request) ? clauses(request) : request;
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
