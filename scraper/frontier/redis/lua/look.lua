-- What the job is; nothing if there is none.
local function run(me)
    check(META, 'hash')
    check(WORKERS, 'zset')
    check(OWN, 'hash')
    if call('EXISTS', META) == 0 then
        return false
    end
    check_layout(me)
    local description = call('HGET', META, 'description') or refuse('BROKEN', META .. ' has no description')
    local units = call('HLEN', OWN) - call('HEXISTS', OWN, SEEDS) - call('HEXISTS', OWN, ITEMS)
    local has_begun = units > 0 or call('HEXISTS', META, 'seeds') == 1
    local alive = count_alive(time())
    local outcome, ended = call('HGET', META, 'outcome'), number(META, 'ended', 0)
    local ago = outcome and math.max(0, time() - ended) or 0
    return {description, alive, has_begun and 1 or 0, call('HGET', META, 'stop') or '', ago, outcome}
end
