-- A place of a queue, page by page: what stands in its list or in one of its sorted sets. A cursor is where the page
-- before it ended: a moment and an id, or in a list how many entries were passed.
-- needs args.refuse

-- In a list, which has no ids, a cursor ends in its colon.
local function read_cursor(text, state)
  local at, id = (text or ''):match('^(%-?%d+):(.*)$')
  if not text then
    refuse('cursor', 'missing')
  elseif text ~= '' and not (at and #at <= 17 and (state ~= 'pending' or id == '' and not at:find('-'))) then
    refuse('cursor', 'not one that a call returned')
  end
  return at and { at = tonumber(at), id = id }
end

local function make_cursor(at, id)
  return string.format('%.0f:', at) .. id
end

-- How many entries of a sorted set a page leaves out. When the id of the cursor has left its moment, the page begins with
-- the first entry of that moment: an entry may come twice, and none is missed.
local function passed_by(key, cursor, newest)
  if not cursor then return 0 end
  local stands = tonumber(redis.call('ZSCORE', key, cursor.id) or '') == cursor.at
  local bound = '(' .. string.format('%.0f', cursor.at)
  if newest then
    return stands and redis.call('ZREVRANK', key, cursor.id) + 1 or redis.call('ZCOUNT', key, bound, '+inf')
  end
  return stands and redis.call('ZRANK', key, cursor.id) + 1 or redis.call('ZCOUNT', key, '-inf', bound)
end

-- How many entries a page leaves out, in any place.
local function passed(q, state, cursor, newest)
  if state == 'pending' then return cursor and math.max(cursor.at, 0) or 0 end
  return passed_by(q[state], cursor, newest)
end

local function read_list(key, at, count, newest)
  if newest then return redis.call('LRANGE', key, at, at + count - 1) end
  local found, entries = redis.call('LRANGE', key, -at - count, -at - 1), {}
  for i = #found, 1, -1 do entries[#entries + 1] = found[i] end
  return entries
end

-- `count` entries at the most behind the first `at`, and the score of each; in a list, the score is the place.
local function read_page(q, state, at, count, newest)
  if state == 'pending' then
    local entries, places = read_list(q.pending, at, count, newest), {}
    for i = 1, #entries do places[i] = at + i end
    return entries, places
  end
  local found
  if newest then
    found = redis.call('ZREVRANGE', q[state], at, at + count - 1, 'WITHSCORES')
  else
    found = redis.call('ZRANGE', q[state], at, at + count - 1, 'WITHSCORES')
  end
  local ids, scores = {}, {}
  for i = 1, #found, 2 do
    ids[#ids + 1], scores[#scores + 1] = found[i], tonumber(found[i + 1])
  end
  return ids, scores
end

-- The cursor behind an entry.
local function cursor_behind(state, score, id)
  return make_cursor(score, state == 'pending' and '' or id)
end

-- How many entries a place has.
local function size_of(q, state)
  return state == 'pending' and redis.call('LLEN', q.pending) or redis.call('ZCARD', q[state])
end
