-- Put failed requests back among the waiting, if the job is as it was looked at, and nobody crawls it.

local function check_retry(me, now)
    check_job()
    check_layout(me)
    check_workers()
    local alive = count_alive(now)
    if alive > 0 then
        refuse('REFUSED', 'workers ' .. alive)
    end
    if number(META, 'changes', 0) ~= me.changes or server_run() ~= me.run then
        refuse('REFUSED', 'changed')
    end
    for _, failure in ipairs(me.failures) do
        check_unit(failure[2])
        if call('HEXISTS', FAILED, failure[1]) == 0 then
            refuse('REFUSED', 'changed')
        end
    end
end

local function run(me)
    local now = time()
    check_retry(me, now)
    each_key(function(key) call('PERSIST', key) end) -- what is finished expires
    for _, failure in ipairs(me.failures) do
        local field, unit, member = unpack(failure)
        call('ZADD', PREFIX .. 'w:' .. unit, 0, member) -- a first write that Redis refuses if its memory is full
        call('HDEL', FAILED, field)
        call('HSETNX', OWN, unit, '')
        settle(unit)
    end
    remove_dead(me, now) -- so that none of them writes what it knew before
    local change = call('HINCRBY', META, 'changes', 1)
    for index = 1, #me.statistics, 2 do
        call('HSET', STATISTICS, me.statistics[index], me.statistics[index + 1])
        call('ZADD', TOLD, change, me.statistics[index])
    end
    in_pieces('HDEL', MEMORY, me.forgotten)
    call('HDEL', META, 'outcome', 'stop')
    return change
end
