-- Shared by the scripts that tell a worker how the job stands.

local function count_free()
    local free = call('ZCARD', FREE)
    if not owner(ITEMS) then
        free = free + 1
    end
    if not owner(SEEDS) and call('HGET', META, 'seeds_ended') ~= '1' then
        free = free + 1
    end
    return free
end

-- Whether more waits for the units of a worker than it has parked.
local function has_work(token)
    local load = PREFIX .. 'load:' .. token
    local parked = number(PREFIX .. 'worker:' .. token, 'parked', 0)
    if call('ZCARD', load) > parked then -- each has one at least
        return true
    end
    local loads, sum = call('ZRANGE', load, 0, -1, 'WITHSCORES'), 0
    for index = 2, #loads, 2 do
        sum = sum + tonumber(loads[index])
    end
    return sum > parked
end

-- Whether nothing waits anywhere that could be sent, and no worker has anything in hand: what is in hand waits, too.
local function is_over(tokens)
    if (call('HGET', META, 'stop') or '') ~= '' then
        local running = 0
        for _, token in ipairs(tokens) do
            if call('HGET', PREFIX .. 'worker:' .. token, 'ended') ~= '1' then
                running = running + 1
            end
        end
        if running == 0 then
            return true
        end
    end
    if call('HGET', META, 'seeds_ended') ~= '1' or call('ZCARD', FREE) > 0 then
        return false
    end
    for _, token in ipairs(tokens) do
        if has_work(token) then
            return false
        end
    end
    return true
end

-- Units of this worker that others need.
local function wanted_from(me)
    local wanted = {}
    for _, unit in ipairs(call('HKEYS', WANTED)) do
        if owner(unit) == me.token then
            wanted[#wanted + 1] = unit
        end
    end
    return wanted
end

-- The statistics that came since the change that this worker has seen last: token, statistics, token, ...
local function statistics_since(seen)
    local changed = {}
    for _, token in ipairs(call('ZRANGEBYSCORE', TOLD, '(' .. seen, '+inf')) do
        changed[#changed + 1] = token
        changed[#changed + 1] = call('HGET', STATISTICS, token) or ''
    end
    return changed
end

local function news(me)
    local tokens, peers = call('ZRANGE', WORKERS, 0, -1), {}
    for _, token in ipairs(tokens) do
        if token ~= me.token then
            local is_idle = call('HGET', PREFIX .. 'worker:' .. token, 'idle') == '1'
            peers[#peers + 1] = {call('ZCARD', PREFIX .. 'load:' .. token), is_idle and 1 or 0}
        end
    end
    local has_new_seeds = number(META, 'seeds_change', 0) > me.seen
    return {
        number(META, 'changes', 0),
        call('HGETALL', PREFIX .. 'found:' .. me.token),
        count_free(),
        wanted_from(me),
        peers,
        statistics_since(me.seen),
        has_new_seeds and call('HGET', META, 'seeds') or false,
        number(META, 'backlog', 0),
        call('HGET', META, 'stop') or '',
        is_over(tokens) and 1 or 0,
        call('HGET', META, 'outcome'),
        time(),
    }
end
