-- Become the owner of free units: those of `names` that are free, and up to `most` others.

local function choose(me)
    local chosen, is_chosen = {}, {}
    local function add(unit)
        if not is_chosen[unit] and not owner(unit) then
            chosen[#chosen + 1] = unit
            is_chosen[unit] = true
        end
    end
    for _, unit in ipairs(me.names) do
        add(unit)
    end
    local limit = #chosen + me.most
    for _, unit in ipairs(call('ZREVRANGE', FREE, 0, limit - 1)) do
        if #chosen < limit then
            add(unit)
        end
    end
    return chosen
end

-- A unit as its new owner finds it. `parts` is how many parts of its fingerprints are told.
local function held(unit, me, now, parts)
    check_unit(unit)
    return {
        unit,
        sites(unit),
        fingerprints(unit, 0, parts),
        call('HLEN', PREFIX .. 's:' .. unit),
        call('HGETALL', PREFIX .. 'm:' .. unit),
        call('LLEN', PREFIX .. 'i:' .. unit),
        rest(unit, me, now),
    }
end

local function run(me)
    fence(me)
    check_job()
    check_workers()
    local now = time()
    remove_dead(me, now)
    local units, left = {}, PARTS
    local chosen = choose(me)
    for index, unit in ipairs(chosen) do
        units[index] = held(unit, me, now, left)
        left = left - #units[index][3]
    end
    for _, unit in ipairs(chosen) do
        call('HSET', OWN, unit, '=' .. me.token)
        call('SADD', PREFIX .. 'units:' .. me.token, unit)
        call('ZREM', FREE, unit)
        call('HDEL', WANTED, unit)
        settle(unit)
    end
    refresh(me, now)
    return units
end
