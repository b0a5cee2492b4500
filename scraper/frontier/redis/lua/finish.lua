-- The job is over, and its files are whole: items are not kept any longer.
local function run(me)
    fence(me)
    check_owner(ITEMS, me)
    check_items()
    local behind = number(META, 'first', 0) + call('LLEN', BATCHES)
    if number(META, 'following', 0) ~= behind then
        refuse('REFUSED', 'items')
    end
    open_small_writes()
    call('UNLINK', BATCHES, SIZES)
    call('HSET', META, 'outcome', me.outcome, 'first', behind, 'following', behind, 'backlog', 0, 'kept', 0)
    refresh(me, time())
    close_writes()
    return 1
end
