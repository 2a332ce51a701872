-- Whose API key has this hash. A role brings the lesser ones along; who is not active has no key.
-- mode: fetchrow
-- param hash: text
-- returns: ApiKeyOwner
-- column subject: text
-- column roles: text[]
select
    id::text as subject,
    case role
        when 'admin' then array['admin', 'editor']
        when 'editor' then array['editor']
        else array[]::text[]
    end as roles
from users
where api_key_hashes @> array[:hash] and active
limit 1
