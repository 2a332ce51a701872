-- Deletes items collected more than some days ago, and gives their number.
-- mode: execute
-- param days: int4 -- The age in days from which items go; at least 1.
delete from processed_items
where collected_at < now() - make_interval(days => greatest(:days, 1))
