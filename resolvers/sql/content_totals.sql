-- How much there is of everything.
-- mode: fetchrow
-- returns: ContentTotals -- Counts over the whole platform.
-- column trends: int4 -- Trends, dead ones too.
-- column live_trends: int4 -- Trends that are emerging, viral or sustained.
-- column topics: int4 -- Topics.
-- column items: int4 -- Items.
-- column newest_item: timestamptz? -- When the latest item was collected.
select (select count(*)::int4 from trends) as trends,
       (select count(*)::int4 from trends
        where state in ('emerging', 'viral', 'sustained')) as live_trends,
       (select count(*)::int4 from topics) as topics,
       (select count(*)::int4 from processed_items) as items,
       (select max(collected_at) from processed_items) as newest_item
