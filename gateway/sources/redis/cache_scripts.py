"""The Lua of the cache. All keys lie in one slot of a cluster.

Every script names them beforehand, but for the tags that are written in the entries themselves.

Invalidating deletes: it works in a store that is full, and a tag without a version matches nothing.
"""

from __future__ import annotations

from gateway.sources.redis.client import Script


def look_and_bump(place: str) -> tuple[Script, Script]:
    """Both scripts as no other place has them: what a server knows of that is nothing of this."""
    return Script(f"{_LOOK}-- {place}"), Script(f"{_BUMP}-- {place}")


_LIFE = """
-- Begins another life of the store, without its entries, where it has forgotten invalidations that
-- somebody knows of: the number of one in a life, and a name for the next.
local function remember(state, everything, epoch, number, name)
  local now = redis.call('HMGET', state, 'epoch', 'number')
  if now[1] == epoch and tonumber(now[2] or 0) < tonumber(number) then
    redis.call('HSET', state, 'epoch', name)
    redis.call('UNLINK', everything)
  end
end
"""

BEGIN = """#!lua flags=allow-oom
-- KEYS: the state, the tag of everything. ARGV: a name for the store's next life. It begins where
-- another process is the server than before: that may have been told of more than this one has.
local said = redis.pcall('INFO', 'server')
local server = type(said) == 'string' and string.match(said, 'run_id:(%x+)')
if server and redis.call('HGET', KEYS[1], 'server') ~= server then
  redis.call('HSET', KEYS[1], 'server', server, 'epoch', ARGV[1])
  redis.call('UNLINK', KEYS[2])
end
return 1
"""
"""Sent as a text, to servers that may not know any of the scripts."""

_LOOK = (
    _LIFE
    + """
-- KEYS: tags, entries, then the lock of each, the state, the tag of everything. ARGV: number of
-- tags, token, milliseconds of tags, of locks, of now, how long the prefix of a tag is, of each
-- tag whether it must be kept for longer (1), what is known of the state and a name for its next
-- life; then of each entry, packed: what it must be newer than, number of tags, the same with its
-- guards, the places of all of them. The numbers in an entry's head are those of `caching.entry`.
local tags, own = tonumber(ARGV[1]), 10  -- how many ARGV are not an entry's
local now = tonumber(ARGV[5])
local count = #ARGV - own
remember(KEYS[#KEYS - 1], KEYS[#KEYS], ARGV[8], ARGV[9], ARGV[10])
local found = redis.call('MGET', unpack(KEYS, 1, tags))
local entries = redis.call('MGET', unpack(KEYS, tags + 1, tags + count))
local written = {}  -- a tag and its version as an entry has them
local function named(i)
  if not found[i] then
    return '?'
  end
  if not written[i] then
    local name = string.sub(KEYS[i], ARGV[6] + 1)
    written[i] = struct.pack('<I2I1', #name, #found[i]) .. name .. found[i]
  end
  return written[i]
end
local kept = {}
local function keep(i)
  if kept[i] == nil then
    local answer
    if not found[i] then
      answer = redis.pcall('SET', KEYS[i], ARGV[2], 'PX', ARGV[3])
    elseif string.byte(ARGV[7], i) == 49 then
      answer = redis.pcall('PEXPIRE', KEYS[i], ARGV[3], 'GT')
    end
    kept[i] = type(answer) ~= 'table' or answer.err == nil
    if kept[i] and not found[i] then
      found[i] = ARGV[2]
    end
  end
  return kept[i]
end
local function lock(name, places)
  local held = redis.pcall('SET', name, ARGV[2], 'NX', 'PX', ARGV[4])
  if not held then
    return 2
  end
  local ours = held.err == nil
  for _, i in ipairs(places) do
    ours = ours and keep(i)
  end
  return ours and 1 or 3
end
local prefix = string.sub(KEYS[1], 1, ARGV[6])
local shown = {}  -- by name the versions of tags that are found in entries
local function version(name)
  if shown[name] == nil then
    local answer = redis.pcall('GET', prefix .. name)
    shown[name] = type(answer) == 'string' and answer
  end
  return shown[name]
end
local function same(data, places, carried)  -- whether all tags of an entry have its versions
  local versions = {}
  for n = 1, carried do
    versions[n] = named(places[n])
  end
  versions = table.concat(versions)
  local at = 54 + #versions
  if string.sub(data, 54, at - 1) ~= versions or struct.unpack('<I4', data, 30) ~= #versions then
    return false
  end
  local bytes, _, shows = struct.unpack('<I4I2I2', data, 42)
  local rest, last = #data - 8 * shows, at + bytes
  for _ = 1, shows do
    if at + 1 > #data then
      return false
    end
    local size = struct.unpack('<I2', data, at)
    local current = version(string.sub(data, at + 2, at + 1 + size))
    if not current or string.sub(data, rest + 1, rest + 8) ~= current then
      return false
    end
    at, rest = at + 2 + size, rest + 8
  end
  return at == last
end
for n = 1, count do
  local newer, carried, all = struct.unpack('<I8I2I2', ARGV[own + n])
  local places = {struct.unpack('<' .. string.rep('I2', all), ARGV[own + n], 13)}
  places[all + 1] = nil  -- where the reading ended
  local data, counts = entries[n], false
  if not data or not same(data, places, carried) then
    data = false
  else
    local created, fresh, stale = struct.unpack('<I8I4I4', data, 6)
    counts = created > newer and created <= now + 1000 and now < created + fresh + stale
  end
  found[#found + 1] = data
  found[#found + 1] = counts and 0 or lock(KEYS[tags + count + n], places)
end
return found
"""
)

STORE = Script(
    """
-- KEYS: tags, tags found, the lock of each entry, then the entries. ARGV: number of both kinds of
-- tags, a new version, milliseconds of tags found, for each of these whether it must be kept for
-- longer (1), versions of tags; then of each entry: data, milliseconds (0: only give up the lock),
-- the lock's token, the places of its tags and of those found in it, packed.
local tags, found, own = tonumber(ARGV[1]), tonumber(ARGV[2]), 5
local locks = tags + found  -- the place before that of the first
local count = (#KEYS - locks) / 2
local now = {}
for from = 1, locks + count, 1000 do  -- more do not go on Lua's stack
  local some = redis.call('MGET', unpack(KEYS, from, math.min(from + 999, locks + count)))
  for i = 1, #some do
    now[from - 1 + i] = some[i]
  end
end
local versions = {}  -- of tags found, made where there are none; false where that cannot be
local function version(i)
  if versions[i] == nil then
    local name, known, answer = KEYS[tags + i], now[tags + i], nil
    if not known then
      answer = redis.pcall('SET', name, ARGV[3], 'PX', ARGV[4])
    elseif string.byte(ARGV[5], i) == 49 then
      answer = redis.pcall('PEXPIRE', name, ARGV[4], 'GT')
    end
    versions[i] = (type(answer) ~= 'table' or answer.err == nil) and (known or ARGV[3])
  end
  return versions[i]
end
local kept = {}
local at = own + tags + 1
for n = 1, count do
  local current = ARGV[at + 1] ~= '0'
  for i = 1, #ARGV[at + 3], 2 do
    local place = struct.unpack('<I2', ARGV[at + 3], i)
    current = current and now[place] == ARGV[own + place]
  end
  if now[locks + n] == ARGV[at + 2] then
    redis.call('UNLINK', KEYS[locks + n])
  end
  local data = {ARGV[at]}
  for i = 1, current and #ARGV[at + 4] or 0, 2 do
    local known = version(struct.unpack('<I2', ARGV[at + 4], i))
    data[#data + 1] = known or nil
    current = current and known
  end
  if current then
    redis.call('SET', KEYS[locks + count + n], table.concat(data), 'PX', ARGV[at + 1])
  end
  kept[n] = current and 1 or 0
  at = at + 5
end
return kept
"""
)

_BUMP = (
    "#!lua flags=allow-oom"
    + _LIFE
    + """
-- KEYS: the state, the tag of everything, tags. ARGV: a name for this life of the store or its
-- next, node, channel, the tags' names, what is known of the state.
remember(KEYS[1], KEYS[2], ARGV[5], ARGV[6], ARGV[1])
for i = 3, #KEYS do
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
    "#!lua flags=allow-oom"
    + _LIFE
    + """
-- KEYS: the state, the tag of everything. ARGV: a name for this life of the store or its next, the
-- node's field, its renewal, what is known of the state.
remember(KEYS[1], KEYS[2], ARGV[4], ARGV[5], ARGV[1])
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
