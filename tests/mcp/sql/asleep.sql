-- Holds a connection for as long as it is told.
-- mode: fetchval
-- param seconds: float8
-- returns: bool
select pg_sleep(:seconds) is null
