-- Refresh the lease of a worker. It is possible when the memory is full: no more of it is needed.
local function run(me)
    fence(me)
    check_job()
    check_workers()
    local now = time()
    call('HDEL', META, '') -- a first write that Redis allows when its memory is full, so it allows the others
    refresh(me, now)
    remove_dead(me, now)
    return 1
end
