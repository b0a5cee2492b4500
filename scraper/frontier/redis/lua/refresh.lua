-- Refresh the lease of a worker. It is possible when the memory is full: no more of it is needed.
local function run(me)
    fence(me)
    check_job()
    check_workers()
    local now = time()
    open_small_writes()
    refresh(me, now)
    remove_dead(me, now)
    close_writes()
    return 1
end
