-- Write all that happened to a worker since its last commit, or nothing.

local function check_commit(me)
    check_job()
    check_workers()
    check_items()
    number(META, 'changes', 0)
    for _, unit in ipairs(me.units) do
        check_owner(unit.name, me)
        check_unit(unit.name)
        last_part(unit.name)
        if unit.drained > call('LLEN', PREFIX .. 'i:' .. unit.name) then
            refuse('BROKEN', PREFIX .. 'i:' .. unit.name .. ' has less than was read of it')
        end
    end
    for _, found in ipairs(me.found) do
        check_unit(found[1])
    end
    if me.seeds then
        check_owner(SEEDS, me)
    end
end

local function write_memory(key, changed, forgotten)
    in_pieces('HSET', key, changed)
    in_pieces('HDEL', key, forgotten)
end

local function write_unit(unit)
    local waiting = PREFIX .. 'w:' .. unit.name
    in_pieces('ZADD', waiting, unit.waiting)
    for _, row in ipairs(unit.gone) do
        call('ZREMRANGEBYLEX', waiting, '[' .. row, '(' .. row .. '\2') -- is_start, 0 or 1, comes after the rank
    end
    in_pieces('HSET', FAILED, unit.failed)
    remember(unit.name, unit.fingerprints)
    write_memory(PREFIX .. 'm:' .. unit.name, unit.memory, unit.forgotten)
    if unit.drained > 0 then
        call('LTRIM', PREFIX .. 'i:' .. unit.name, unit.drained, -1)
    end
end

local function release(unit, me)
    call('HSET', OWN, unit, '-0')
    call('SREM', PREFIX .. 'units:' .. me.token, unit)
    call('ZREM', PREFIX .. 'load:' .. me.token, unit)
    call('HDEL', PREFIX .. 'found:' .. me.token, unit)
    call('HDEL', WANTED, unit)
end

local function write_units(me)
    for _, unit in ipairs(me.units) do
        write_unit(unit)
        if unit.released then
            release(unit.name, me)
        end
        if not ROLES[unit.name] then
            settle(unit.name)
        end
    end
    for _, found in ipairs(me.found) do
        in_pieces('RPUSH', PREFIX .. 'i:' .. found[1], found[2])
        call('HSETNX', OWN, found[1], '')
        settle(found[1])
    end
end

local function write_statistics(me)
    if me.statistics ~= '' and me.statistics ~= call('HGET', STATISTICS, me.token) then
        call('HSET', STATISTICS, me.token, me.statistics)
        call('ZADD', TOLD, call('HINCRBY', META, 'changes', 1), me.token)
    end
end

local function write_job(me)
    if me.seeds then
        local change = call('HINCRBY', META, 'changes', 1)
        call('HSET', META, 'seeds', me.seeds, 'seeds_change', change)
    end
    if me.seeds_ended then
        call('HSET', META, 'seeds_ended', 1)
    end
    if me.stop ~= '' then
        call('HSETNX', META, 'stop', me.stop)
    end
    for _, unit in ipairs(me.wanted) do
        local token = owner(unit)
        if token and token ~= me.token then
            call('HSET', WANTED, unit, me.token)
        end
    end
    write_memory(MEMORY, me.memory, me.forgotten)
end

-- The job is finished: there is only to be told what became of it.
local function acknowledge(me)
    call('HSET', PREFIX .. 'worker:' .. me.token, 'sequence', me.sequence + 1)
    refresh(me, time())
    return news(me)
end

local function run(me)
    fence(me)
    if is_finished() then
        return acknowledge(me)
    end
    check_commit(me)
    local now = time()
    open_writes()
    call('HSET', PREFIX .. 'worker:' .. me.token, 'sequence', me.sequence + 1, 'parked', me.parked,
        'idle', me.is_idle and 1 or 0, 'ended', me.has_ended and 1 or 0)
    refresh(me, now)
    remove_dead(me, now)
    write_units(me)
    write_statistics(me)
    write_job(me)
    if me.items ~= '' then
        add_batch(me.items, me.keep)
    end
    close_writes()
    return news(me)
end
