-- Whether an item was collected already.
-- mode: fetchval
-- param source: item_source -- Where it comes from.
-- param source_id: text -- What the source calls it.
-- returns: bool
select exists (
    select from processed_items where source = :source and source_id = :source_id
)
