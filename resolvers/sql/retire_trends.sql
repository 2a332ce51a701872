-- Declares trends dead that nothing has been heard of since a moment, and gives them.
-- mode: fetch
-- read_only: false
-- param silent_since: timestamptz -- Trends last updated before this are retired.
-- returns: Trend
update trends
set state = 'dead'
where last_updated < :silent_since
  and state <> 'dead'
returning id
