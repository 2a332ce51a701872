-- Trends first seen between two moments, strongest first.
-- mode: fetch
-- param since: timestamptz -- The earliest first sight.
-- param until: timestamptz = now() -- The end, which is not part of it.
-- param category: trend_category? -- Only trends about this.
-- param min_score: float8 = 0 -- Only trends at least this strong.
-- returns: Trend
-- limit: 200
select id
from trends
where first_seen >= :since
  and first_seen < :until
  and (:category is null or category = :category)
  and score >= :min_score
order by score desc, id
