-- Become a worker. `former` is the token that this process had before, if any.

local function begin(me, now)
    call('HSET', META, 'opened', 1) -- first
    call('HSET', META, 'layout', me.layout, 'description', me.description, 'salt', me.salt, 'begun', text(now))
    call('HSET', META, 'run', server_run())
    call('HSET', OWN, SEEDS, '', ITEMS, '')
end

-- Delete all that the job has.
local function clear()
    for _, token in ipairs(call('ZRANGE', WORKERS, 0, -1)) do
        each_key_of_worker(token, function(key) call('UNLINK', key) end)
    end
    each_key(function(key)
        if key ~= META then
            call('UNLINK', key)
        end
    end)
    call('UNLINK', META) -- last, as it tells how many writes were opened
end

-- After a restart nobody's commits are accepted any more, but until its lease ends a worker may not know.
local function remove_all_after_restart(me, now)
    local latest = me.lease
    for _, token in ipairs(call('ZRANGE', WORKERS, 0, -1)) do
        local lease = number(PREFIX .. 'worker:' .. token, 'lease', 0)
        latest = math.max(latest, lease)
        remove(token, now + lease)
    end
    call('HSET', META, 'restarted', text(now + latest), 'run', server_run())
end

-- Remove whom nothing will be heard of any more: this process as it was, and workers whose lease has run out.
local function remove_former(me, now)
    if call('HGET', META, 'run') ~= server_run() then
        remove_all_after_restart(me, now)
    end
    if me.former and call('ZSCORE', WORKERS, me.former) then
        remove(me.former, now)
    end
    remove_dead(me, now)
end

-- Refuse what cannot be joined. Returns whether the job is there.
local function check_job_to_join(me, now)
    check_job()
    if call('EXISTS', META) == 0 then
        for _, key in ipairs({WORKERS, OWN, FREE, BATCHES}) do
            if call('PTTL', key) == -1 then -- what will expire is the rest of a finished job
                refuse('FOREIGN', PREFIX .. '*')
            end
        end
        return false
    end
    check_layout(me)
    check_workers()
    check_items()
    for _, field in ipairs({'number', 'changes', 'begun', 'restarted', 'seeds_change'}) do
        number(META, field, 0)
    end
    if not call('HGET', META, 'salt') then
        refuse('BROKEN', META .. ' has no salt')
    end
    if number(META, 'opened', 0) ~= number(META, 'closed', 0) and not me.fresh then
        refuse('TORN', META)
    end
    local description = call('HGET', META, 'description')
    if description ~= me.replaces and (me.fresh or description ~= me.description) then
        refuse('REFUSED', 'description')
    end
    return true
end

local function run(me)
    local now = time()
    local is_there, restarted = check_job_to_join(me, now), 0
    local has_restarted = is_there and call('HGET', META, 'run') ~= server_run()
    if is_there then
        if me.fresh then
            open_small_writes() -- it deletes all
        else
            open_writes()
        end
        remove_former(me, now)
    elseif me.replaces then
        refuse('REFUSED', 'gone')
    end
    if is_there and me.fresh then
        if call('ZCARD', WORKERS) > 0 then
            close_writes()
            refuse('REFUSED', 'workers ' .. call('ZCARD', WORKERS))
        end
        is_there, restarted = false, latest_end()
    end
    if not is_there then
        clear()
        begin(me, now)
        call('HSET', META, 'restarted', text(restarted))
    end
    if not me.former and call('ZCARD', WORKERS) == 0 then
        call('HDEL', META, 'stop') -- which was for the workers of then
    end
    local worker = call('HINCRBY', META, 'number', 1)
    call('HSET', META, 'description', me.description)
    call('HSET', PREFIX .. 'worker:' .. me.token, 'number', worker, 'lease', me.lease, 'sequence', 0)
    refresh(me, now)
    close_writes()
    return {
        worker,
        server_run(),
        call('HGET', META, 'salt'),
        call('HGETALL', MEMORY),
        math.max(0, now - number(META, 'begun', now)),
        has_restarted and 1 or 0,
        news(me),
    }
end
