-- Shared by all scripts: what a unit holds.

local PART = 1016 -- bytes of fingerprints in a field; with the 6 that Redis adds just below 1 KiB, which it allocates
local PARTS = 4000 -- parts of fingerprints in one reply

-- Write down how much a unit has to do. It is counted anew each time, so that no error can add up.
local function settle(unit)
    local found = call('LLEN', PREFIX .. 'i:' .. unit)
    local load = found + call('ZCARD', PREFIX .. 'w:' .. unit)
    local token = owner(unit)
    local loads = token and PREFIX .. 'load:' .. token or FREE
    if load > 0 then
        call('ZADD', loads, load, unit)
    else
        call('ZREM', loads, unit)
    end
    if token and found > 0 then
        call('HSET', PREFIX .. 'found:' .. token, unit, found)
    elseif token then
        call('HDEL', PREFIX .. 'found:' .. token, unit)
    end
end

-- How many requests wait, by site, of all sites or the first `most`: site, number, site, number, ...
local function sites(unit, most)
    local key, low, last, counts = PREFIX .. 'w:' .. unit, '-', '', {}
    while true do
        local member = call('ZRANGEBYLEX', key, low, '+', 'LIMIT', 0, 1)[1]
        if not member or most and #counts >= 2 * most then
            return counts
        end
        local site = string.match(member, '^([^%z]+)%z')
        if not site or site <= last then
            refuse('BROKEN', key .. ' has a member that is no request')
        end
        counts[#counts + 1] = site
        counts[#counts + 1] = call('ZLEXCOUNT', key, '[' .. site .. '\0', '(' .. site .. '\1')
        low, last = '[' .. site .. '\1', site
    end
end

-- The last part of a unit's fingerprints, and how many parts there are. Parts are numbered from 0.
local function last_part(unit)
    local key = PREFIX .. 's:' .. unit
    local parts = call('HLEN', key)
    local last = parts > 0 and call('HGET', key, parts - 1)
    if parts > 0 and (not last or #last == 0 or #last % 8 > 0 or #last > PART) then
        refuse('BROKEN', key .. ' has no whole fingerprints in part ' .. parts - 1)
    end
    return last or '', parts
end

-- Some parts of a unit's fingerprints, from number `first` on, as one; and how many they are.
local function fingerprints(unit, first, parts)
    local key, fields = PREFIX .. 's:' .. unit, {}
    for part = first, math.min(first + parts, call('HLEN', key)) - 1 do
        fields[#fields + 1] = part
    end
    local found = #fields > 0 and call('HMGET', key, unpack(fields)) or {}
    for index, part in ipairs(fields) do
        if not found[index] or #found[index] % 8 > 0 then
            refuse('BROKEN', key .. ' has no whole fingerprints in part ' .. part)
        end
    end
    return table.concat(found), #fields
end

-- Append fingerprints: fill the last part, and make new ones.
local function remember(unit, added)
    if added == '' then
        return
    end
    local last, parts = last_part(unit)
    if parts > 0 and #last < PART then
        parts, added = parts - 1, last .. added
    end
    for first = 1, #added, PART do
        call('HSET', PREFIX .. 's:' .. unit, parts, string.sub(added, first, first + PART - 1))
        parts = parts + 1
    end
end

-- For how long (ms) a former owner of a unit may have requests on the wire; -1 if there never was one.
local function rest(unit, me, now)
    local state = call('HGET', OWN, unit) or ''
    local moment = string.match(state, '^%-(%d+)$')
    if not moment and state ~= '' then
        refuse('BROKEN', OWN .. ' has no owner of ' .. unit)
    end
    local restarted = number(META, 'restarted', 0) -- a server that restarted may not know who had what
    local left = math.max(tonumber(moment or 0), restarted) + me.timeout - now
    if left <= 0 then
        return moment and 0 or -1
    end
    return math.min(left, me.lease + me.timeout)
end
