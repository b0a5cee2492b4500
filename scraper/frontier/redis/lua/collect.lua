-- All batches before `following` are in the data files, which end at `positions`.
local function run(me)
    fence(me)
    check_owner(ITEMS, me)
    check_job()
    check_items()
    local first, following = number(META, 'first', 0), number(META, 'following', 0)
    if me.following < following or me.following > first + call('LLEN', BATCHES) then
        refuse('BROKEN', META .. ' has ' .. text(following) .. ' as the next batch of items')
    end
    local backlog = math.max(0, number(META, 'backlog', 0) - sum_sizes(following - first, me.following - first - 1))
    open_small_writes()
    refresh(me, time())
    call('HSET', META, 'backlog', backlog, 'following', me.following, 'positions', me.positions)
    in_pieces('HSET', PREFIX .. 'm:' .. ITEMS, me.memory)
    in_pieces('HDEL', PREFIX .. 'm:' .. ITEMS, me.forgotten)
    trim(me.keep)
    close_writes()
    return 1
end
