-- How many trends there are of each category and state.
-- mode: fetch
-- param language: text? -- Only trends in this language.
-- returns: TrendCount -- The trends of one category and state.
-- column category: trend_category -- What they are about.
-- column state: trend_state -- Where they stand in their life.
-- column total: int4 -- How many there are.
-- column best_score: float8 -- The score of the strongest.
-- column last_updated: timestamptz -- When the latest of them changed.
select category,
       state,
       count(*)::int4 as total,
       max(score) as best_score,
       max(last_updated) as last_updated
from trends
where :language is null or language = :language
group by category, state
order by category, state
