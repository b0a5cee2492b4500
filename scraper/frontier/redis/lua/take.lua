-- Become the owner of free units: those of `names` that are free, and up to `most` others.

local function choose(me)
    local chosen, is_chosen = {}, {}
    if is_finished() then -- nothing is left to do
        return chosen
    end
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

-- A unit as its new owner finds it, with up to `most` parts of its fingerprints; and how many these are.
local function held(unit, me, now, most)
    check_unit(unit)
    local seen, parts = fingerprints(unit, 0, most)
    local found = {
        unit,
        sites(unit),
        seen,
        parts,
        call('HLEN', PREFIX .. 's:' .. unit),
        call('HGETALL', PREFIX .. 'm:' .. unit),
        call('LLEN', PREFIX .. 'i:' .. unit),
        rest(unit, me, now),
    }
    return found, parts
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
        local found, parts = held(unit, me, now, left)
        units[index] = found
        left = left - parts
    end
    open_writes()
    for _, unit in ipairs(chosen) do
        call('HSET', OWN, unit, '=' .. me.token)
        call('SADD', PREFIX .. 'units:' .. me.token, unit)
        call('ZREM', FREE, unit)
        call('HDEL', WANTED, unit)
        settle(unit)
    end
    refresh(me, now)
    close_writes()
    return units
end
