-- Tell all workers to stop, for `reason`; how many these are, and nothing if there is no job.
local function run(me)
    check_job()
    if call('EXISTS', META) == 0 then
        return false
    end
    check_layout(me)
    local alive = count_alive(time())
    if alive > 0 then
        call('HDEL', META, '') -- a first write that Redis allows when its memory is full, so it allows the other
        call('HSETNX', META, 'stop', me.reason)
    end
    return alive
end
