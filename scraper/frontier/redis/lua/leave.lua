-- Release all units of a worker, and be one no longer.
local function run(me)
    fence(me)
    check_job()
    check_workers()
    call('HDEL', META, '') -- a first write that Redis allows when its memory is full, so it allows the others
    remove(me.token, 0)
    return 1
end
