-- Shared by all scripts: who is a worker, and what becomes of the units of one that is not any more.

local function owner(unit)
    local state = call('HGET', OWN, unit)
    if state and string.sub(state, 1, 1) == '=' then
        return string.sub(state, 2)
    end
end

-- The moment until which a former worker may have begun requests.
local function latest_end()
    local latest = number(META, 'restarted', 0)
    for _, state in ipairs(call('HVALS', OWN)) do
        latest = math.max(latest, tonumber(string.match(state, '^%-(%d+)$')) or 0)
    end
    return latest
end

-- Do something to each key of the job but those of workers: to those of units first, which OWN lists.
local function each_key(act)
    for _, unit in ipairs(call('HKEYS', OWN)) do
        for name in pairs(UNIT_KEYS) do
            act(PREFIX .. name .. unit)
        end
    end
    for key in pairs(JOB_KEYS) do
        act(key)
    end
end

local function each_key_of_worker(token, act)
    for name in pairs(WORKER_KEYS) do
        act(PREFIX .. name .. token)
    end
end

-- Whether all is done: then workers only leave, and nothing of the job is written any more.
local function is_finished()
    check(META, 'hash')
    return call('HEXISTS', META, 'outcome') == 1
end

-- How many workers have a lease.
local function count_alive(now)
    return call('ZCOUNT', WORKERS, '(' .. text(now), '+inf')
end

local function check_workers()
    for _, token in ipairs(call('ZRANGE', WORKERS, 0, -1)) do
        for name, kind in pairs(WORKER_KEYS) do
            check(PREFIX .. name .. token, kind)
        end
        for _, field in ipairs({'lease', 'sequence', 'parked'}) do
            number(PREFIX .. 'worker:' .. token, field, 0)
        end
    end
end

-- Refuse a worker that the store does not know any more, or not as it knows itself.
local function fence(me)
    check(WORKERS, 'zset')
    check(PREFIX .. 'worker:' .. me.token, 'hash')
    if server_run() ~= me.run then
        refuse('LOST', 'server')
    end
    if not call('ZSCORE', WORKERS, me.token) then
        refuse('LOST', 'lease')
    end
    if number(PREFIX .. 'worker:' .. me.token, 'sequence', 0) ~= me.sequence then
        refuse('LOST', 'commit')
    end
end

local function check_owner(unit, me)
    check(OWN, 'hash')
    if owner(unit) ~= me.token then
        refuse('LOST', 'unit ' .. unit)
    end
end

-- The units of a worker are nobody's. It may have begun requests until `moment`; 0 if it has none.
local function free_units(token, moment)
    local load = PREFIX .. 'load:' .. token
    for _, unit in ipairs(call('SMEMBERS', PREFIX .. 'units:' .. token)) do
        call('HSET', OWN, unit, '-' .. text(moment))
        call('HDEL', WANTED, unit)
        local score = call('ZSCORE', load, unit)
        if score then
            call('ZADD', FREE, score, unit)
        end
    end
    local wanted = call('HGETALL', WANTED)
    for index = 1, #wanted, 2 do
        if wanted[index + 1] == token then
            call('HDEL', WANTED, wanted[index])
        end
    end
end

-- A worker is one no longer.
local function remove(token, moment)
    if not is_finished() then
        free_units(token, moment)
    end
    each_key_of_worker(token, function(key) call('UNLINK', key) end)
    call('ZREM', WORKERS, token)
end

-- Remove all other workers whose lease has run out.
local function remove_dead(me, now)
    local dead = call('ZRANGEBYSCORE', WORKERS, '-inf', text(now), 'WITHSCORES')
    for index = 1, #dead, 2 do
        if dead[index] ~= me.token then
            open_writes()
            remove(dead[index], tonumber(dead[index + 1]))
            close_writes()
        end
    end
    -- If the clock was set back, a lease must not last longer than it would have.
    for _, token in ipairs(call('ZRANGEBYSCORE', WORKERS, '(' .. text(now), '+inf')) do
        local latest = now + number(PREFIX .. 'worker:' .. token, 'lease', 0)
        if tonumber(call('ZSCORE', WORKERS, token)) > latest then
            call('ZADD', WORKERS, text(latest), token)
        end
    end
end

local function refresh(me, now)
    call('ZADD', WORKERS, text(now + me.lease), me.token)
end
