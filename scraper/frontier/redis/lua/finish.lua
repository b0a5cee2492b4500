-- The job is over, and its files are whole: items are not kept any longer, and all else goes KEPT seconds later.
--
-- Without failed requests nothing is left to be resumed: what became of the job is kept, for those who join late, and
-- its counts. With some of them all is kept that putting them back needs.

local KEPT = 7 * 24 * 3600

local function clear_finished()
    call('HSET', META, 'restarted', text(latest_end()))
    each_key(function(key)
        if key ~= META and key ~= STATISTICS and key ~= WORKERS then
            call('UNLINK', key)
        end
    end)
end

local function run(me)
    fence(me)
    check_owner(ITEMS, me)
    check_job()
    check_workers()
    check_items()
    local behind = number(META, 'first', 0) + call('LLEN', BATCHES)
    if number(META, 'following', 0) ~= behind then
        refuse('REFUSED', 'items')
    end
    open_small_writes()
    call('UNLINK', BATCHES, SIZES)
    local now = time()
    call('HSET', META, 'outcome', me.outcome, 'first', behind, 'following', behind, 'backlog', 0, 'kept', 0)
    call('HSET', META, 'ended', text(now))
    refresh(me, now)
    local workers = call('ZRANGE', WORKERS, 0, -1)
    for _, token in ipairs(workers) do
        free_units(token, 0)
    end
    if call('HLEN', FAILED) == 0 then
        clear_finished()
    end
    close_writes()
    each_key(function(key) call('EXPIRE', key, KEPT) end)
    for _, token in ipairs(workers) do
        each_key_of_worker(token, function(key) call('EXPIRE', key, KEPT) end)
    end
    return 1
end
