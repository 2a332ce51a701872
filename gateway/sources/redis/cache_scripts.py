"""The Lua of the cache. Every script names all its keys, which lie in one slot of a cluster.

Invalidating deletes: it works in a store that is full, and a tag without a version matches nothing.
"""

from __future__ import annotations

from hashlib import sha1


class Script:
    """A script, and the digest by which a server that knows it is asked to run it."""

    __slots__ = ("digest", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.digest = sha1(text.encode(), usedforsecurity=False).hexdigest()


BEGIN = Script(
    """
-- KEYS: tags, then lock and entry of each. ARGV: number of tags, token, milliseconds of tags, of
-- locks, how many bytes an entry is known by.
local tags = tonumber(ARGV[1])
local found = {}
for i = 1, tags do
  local version = redis.call('GET', KEYS[i])
  if version then
    redis.call('PEXPIRE', KEYS[i], ARGV[3], 'GT')
  else
    version = ARGV[2]
    redis.call('SET', KEYS[i], version, 'PX', ARGV[3])
  end
  found[i] = version
end
for i = tags + 1, #KEYS, 2 do
  local held = redis.call('SET', KEYS[i], ARGV[2], 'NX', 'PX', ARGV[4])
  if held then
    held = redis.pcall('GETRANGE', KEYS[i + 1], 0, ARGV[5] - 1)
    if type(held) == 'table' then
      held = ''  -- something of another type, which storing will replace
    end
  end
  found[#found + 1] = held
end
return found
"""
)

STORE = Script(
    """
-- KEYS: tags, then entry and lock of each. ARGV: number of tags, token, versions, then of each
-- entry: data, milliseconds (0: only give up the lock), number of tags, their places.
local tags = tonumber(ARGV[1])
local same = {}
for i = 1, tags do
  same[i] = redis.call('GET', KEYS[i]) == ARGV[2 + i]
end
local kept = {}
local place = tags + 1
local at = 3 + tags
while place < #KEYS do
  local entry, lock = KEYS[place], KEYS[place + 1]
  local count = tonumber(ARGV[at + 2])
  local current = ARGV[at + 1] ~= '0'
  for i = at + 3, at + 2 + count do
    current = current and same[tonumber(ARGV[i])]
  end
  if redis.call('GET', lock) == ARGV[2] then
    redis.call('DEL', lock)
  end
  if current then
    redis.call('SET', entry, ARGV[at], 'PX', ARGV[at + 1])
  end
  kept[#kept + 1] = current and 1 or 0
  place = place + 2
  at = at + 3 + count
end
return kept
"""
)

BUMP = Script(
    """#!lua flags=allow-oom
-- KEYS: the state, tags. ARGV: a name for this life of the store, node, channel, the tags' names.
for i = 2, #KEYS do
  redis.call('UNLINK', KEYS[i])
end
redis.call('HSETNX', KEYS[1], 'epoch', ARGV[1])
local epoch = redis.call('HGET', KEYS[1], 'epoch')
local number = redis.call('HINCRBY', KEYS[1], 'number', 1)
redis.call('PUBLISH', ARGV[3], epoch .. ' ' .. number .. ' ' .. ARGV[2] .. ' ' .. ARGV[4])
return {epoch, number, redis.call('HGETALL', KEYS[1])}
"""
)

RENEW = Script(
    """#!lua flags=allow-oom
-- KEYS: the state. ARGV: a name for this life of the store, the node's field, its renewal.
redis.call('HSETNX', KEYS[1], 'epoch', ARGV[1])
redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
return {redis.call('HGET', KEYS[1], 'epoch'), redis.call('HINCRBY', KEYS[1], 'number', 0)}
"""
)

EXPEL = Script(
    """#!lua flags=allow-oom
-- KEYS: the state. ARGV: fields of nodes, each with its renewal.
for i = 1, #ARGV, 2 do
  if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i + 1] then
    redis.call('HDEL', KEYS[1], ARGV[i])
  end
end
return 1
"""
)

EXTEND = Script(
    """
-- KEYS: a lock. ARGV: its owner, milliseconds.
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 0
"""
)

RELEASE = Script(
    """
-- KEYS: a lock. ARGV: its owner.
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
"""
)
