"""The one question asked of the catalogue. Its answer is JSON, so that it is read as a whole."""

from __future__ import annotations

SCHEMAS = """
select coalesce(json_agg(nspname order by nspname), '[]')::text
from pg_namespace
where nspname !~ '^pg_' and nspname <> 'information_schema'
"""
"""The schemas there are, as a list of names."""

CATALOGUE = """
with relation as (
    select c.oid, n.nspname, c.relname, c.relkind,
           has_schema_privilege(n.oid, 'usage')
               and (has_table_privilege(c.oid, 'select')
                    or has_any_column_privilege(c.oid, 'select')) as readable
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = any($1::text[]) and c.relkind in ('r', 'p', 'v', 'm', 'f')
        and not c.relispartition
        and not exists (
            select from pg_depend d
            where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
        )
), columns as (
    select a.attrelid, json_agg(json_build_object(
        'name', a.attname,
        'type', a.atttypid::bigint,
        'modifier', a.atttypmod,
        'dimensions', a.attndims,
        'sql', format_type(a.atttypid, a.atttypmod),
        'not_null', a.attnotnull,
        'identity', a.attidentity,
        'generated', a.attgenerated,
        'default', pg_get_expr(d.adbin, d.adrelid),
        'comment', col_description(a.attrelid, a.attnum),
        'readable', has_column_privilege(a.attrelid, a.attnum, 'select')
    ) order by a.attnum) as list
    from relation r
        join pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
        left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where r.readable
    group by a.attrelid
), uniques as (
    select i.indrelid, json_agg(json_build_object(
        'primary', i.indisprimary,
        'columns', (
            select json_agg(a.attname order by k.place)
            from unnest(i.indkey::int2[]) with ordinality as k (number, place)
                join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.number
            where k.place <= i.indnkeyatts
        )
    ) order by i.indisprimary desc, x.relname) as list
    from relation r
        join pg_index i on i.indrelid = r.oid
        join pg_class x on x.oid = i.indexrelid
    where i.indisunique and i.indisvalid and i.indpred is null and i.indexprs is null
        and not i.indisexclusion
    group by i.indrelid
), foreign_keys as (
    select k.conrelid, json_agg(json_build_object(
        'columns', (
            select json_agg(a.attname order by p.place)
            from unnest(k.conkey) with ordinality as p (number, place)
                join pg_attribute a on a.attrelid = k.conrelid and a.attnum = p.number
        ),
        'table', json_build_array(n.nspname, c.relname),
        'references', (
            select json_agg(a.attname order by p.place)
            from unnest(k.confkey) with ordinality as p (number, place)
                join pg_attribute a on a.attrelid = k.confrelid and a.attnum = p.number
        ),
        'on_delete', k.confdeltype,
        'on_update', k.confupdtype,
        'comment', obj_description(k.oid, 'pg_constraint')
    ) order by k.conkey, k.conname) as list
    from relation r
        join pg_constraint k on k.conrelid = r.oid and k.contype = 'f' and k.conparentid = 0
        join pg_class c on c.oid = k.confrelid
        join pg_namespace n on n.oid = c.relnamespace
    group by k.conrelid
), parents as (
    select i.inhrelid, json_agg(json_build_array(n.nspname, c.relname) order by i.inhseqno) as list
    from relation r
        join pg_inherits i on i.inhrelid = r.oid
        join pg_class c on c.oid = i.inhparent
        join pg_namespace n on n.oid = c.relnamespace
    group by i.inhrelid
)
select json_build_object(
    'tables', (
        select coalesce(json_agg(json_build_object(
            'name', json_build_array(r.nspname, r.relname),
            'sort', r.relkind,
            'readable', r.readable,
            'comment', obj_description(r.oid, 'pg_class'),
            'columns', coalesce(c.list, '[]'),
            'uniques', coalesce(u.list, '[]'),
            'foreign_keys', coalesce(f.list, '[]'),
            'inherits', coalesce(p.list, '[]')
        ) order by r.nspname collate "C", r.relname collate "C"), '[]')
        from relation r
            left join columns c on c.attrelid = r.oid
            left join uniques u on u.indrelid = r.oid
            left join foreign_keys f on f.conrelid = r.oid
            left join parents p on p.inhrelid = r.oid
    ),
    'types', (
        select json_agg(json_build_object(
            'oid', t.oid::bigint,
            'name', json_build_array(n.nspname, t.typname),
            'sort', t.typtype,
            'element', case when t.typcategory = 'A' then t.typelem::bigint else 0 end,
            'base', t.typbasetype::bigint,
            'modifier', t.typtypmod,
            'dimensions', t.typndims,
            'default', t.typdefault,
            'comment', case when t.typtype = 'e' then obj_description(t.oid, 'pg_type') end,
            'labels', case when t.typtype = 'e' then coalesce((
                select json_agg(e.enumlabel order by e.enumsortorder)
                from pg_enum e where e.enumtypid = t.oid
            ), '[]') else '[]' end
        ))
        from pg_type t join pg_namespace n on n.oid = t.typnamespace
        where t.typtype <> 'c' or exists (
            select from pg_class c where c.oid = t.typrelid and c.relkind = 'c'
        )
    )
)::text
"""
"""Everything about the schemas of `$1`, and the types there are.

Partitions are left out, as their table shows their rows, and so is what belongs to extensions.
"""
