-- How a job stands, for who only looks at it; nothing if there is none.

local function machine(token)
    local key, units = PREFIX .. 'worker:' .. token, PREFIX .. 'units:' .. token
    local roles = call('SISMEMBER', units, SEEDS) + call('SISMEMBER', units, ITEMS)
    return {
        token,
        number(key, 'number', 0),
        call('SCARD', units) - roles,
        call('ZCARD', PREFIX .. 'load:' .. token),
        call('HGET', key, 'idle') == '1' and 1 or 0,
        call('SISMEMBER', units, ITEMS),
    }
end

local function run(me)
    check_job()
    if call('EXISTS', META) == 0 then
        return false
    end
    check_layout(me)
    check_workers()
    local machines = {}
    for _, token in ipairs(call('ZRANGEBYSCORE', WORKERS, '(' .. text(time()), '+inf')) do
        machines[#machines + 1] = machine(token)
    end
    return {
        call('HGET', META, 'description') or refuse('BROKEN', META .. ' has no description'),
        call('HGET', META, 'outcome'),
        call('HGET', META, 'positions') or '',
        call('HLEN', FAILED),
        machines,
        call('HGETALL', STATISTICS),
        number(META, 'changes', 0),
        server_run(),
    }
end
