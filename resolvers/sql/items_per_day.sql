-- How many items each source brought on each day (UTC), latest day first.
-- mode: fetch
-- param since: timestamptz = now() - interval '30 days' -- Only items collected from here on.
-- param sources: item_source[]? -- Only items of these sources.
-- returns: ItemsOfDay -- What a source brought on a day.
-- column day: date -- The day.
-- column source: item_source -- The source.
-- column total: int4 -- How many items it brought.
-- column authors: text[] -- Who wrote them, as far as known.
-- column latest: int8 as ID? -- The item with the highest number.
select (collected_at at time zone 'UTC')::date as day,
       source,
       count(*)::int4 as total,
       coalesce(array_agg(distinct author) filter (where author is not null), '{}') as authors,
       max(id) as latest
from processed_items
where collected_at >= :since
  and (:sources is null or source = any(:sources))
group by day, source
order by day desc, source
