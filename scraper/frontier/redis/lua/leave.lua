-- Release all units of a worker, and be one no longer.
local function run(me)
    fence(me)
    check_job()
    check_workers()
    open_small_writes()
    remove(me.token, 0)
    close_writes()
    return 1
end
