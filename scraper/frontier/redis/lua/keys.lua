-- Shared by all scripts: the names of keys, checks of what they hold, and refusals.
--
-- Redis does not undo what a script wrote before it failed. So a script reads and checks all that it needs before it
-- writes; after its first write nothing can fail. All keys of a job begin with PREFIX.

local PREFIX = string.sub(KEYS[1], 1, -5) -- KEYS[1] ends with 'meta'
local META = PREFIX .. 'meta' -- hash: what the job is, how far its items are
local WORKERS = PREFIX .. 'workers' -- zset: token of a worker -> end of its lease (ms)
local OWN = PREFIX .. 'own' -- hash: unit -> '=' token, or '-' moment (ms) its last owner ended, or '' if none ever was
local FREE = PREFIX .. 'free' -- zset: unit that has something to do and no owner -> how much
local WANTED = PREFIX .. 'wanted' -- hash: unit -> token of the worker that needs it
local FAILED = PREFIX .. 'failed' -- hash: number of a request -> record
local MEMORY = PREFIX .. 'memory' -- hash: part NUL key -> value, of what belongs to no unit
local STATISTICS = PREFIX .. 'statistics' -- hash: token -> statistics, of all workers that ever were
local TOLD = PREFIX .. 'told' -- zset: token -> change of the job by which its statistics came
local BATCHES = PREFIX .. 'items' -- list: batches of items
local SIZES = PREFIX .. 'sizes' -- list: their sizes (bytes)

local JOB_KEYS = {
    [META] = 'hash', [WORKERS] = 'zset', [OWN] = 'hash', [FREE] = 'zset', [WANTED] = 'hash', [FAILED] = 'hash',
    [MEMORY] = 'hash', [STATISTICS] = 'hash', [TOLD] = 'zset', [BATCHES] = 'list', [SIZES] = 'list',
}
local UNIT_KEYS = {
    ['w:'] = 'zset', -- what waits: site NUL rank is_start request
    ['i:'] = 'list', -- what others found
    ['s:'] = 'hash', -- fingerprints of what was seen, in parts
    ['m:'] = 'hash', -- part NUL key -> value
}
local WORKER_KEYS = {
    ['worker:'] = 'hash', -- number, lease, sequence, parked, idle, ended
    ['units:'] = 'set', -- its units
    ['load:'] = 'zset', -- those with something to do -> how much
    ['found:'] = 'hash', -- those for which others found something -> how much
}

local SEEDS, ITEMS = '#seeds', '#items' -- units that are roles
local ROLES = {[SEEDS] = true, [ITEMS] = true}
local PIECE = 4000 -- values that one command is given; Lua can pass 8,000

local call = redis.call

-- End the script with an error of ours, which the client puts into words.
local function refuse(code, detail)
    error({refusal = code .. ' ' .. detail}, 0)
end

local function check(key, kind)
    local found = call('TYPE', key).ok
    if found ~= kind and found ~= 'none' then
        refuse('BROKEN', key .. ' is of type ' .. found .. ' instead of ' .. kind)
    end
end

local function check_job()
    for key, kind in pairs(JOB_KEYS) do
        check(key, kind)
    end
end

local function check_unit(unit)
    for name, kind in pairs(UNIT_KEYS) do
        check(PREFIX .. name .. unit, kind)
    end
end

-- The whole number in a field of a hash, or `default` if there is none.
local function number(key, field, default)
    local value = call('HGET', key, field)
    if not value then
        return default
    end
    if #value > 15 or not string.find(value, '^%d+$') then
        refuse('BROKEN', key .. ' has no number in ' .. field)
    end
    return tonumber(value)
end

-- `command key value value ...`, with any number of values.
local function in_pieces(command, key, values)
    for first = 1, #values, PIECE do
        call(command, key, unpack(values, first, math.min(first + PIECE - 1, #values)))
    end
end

local function text(milliseconds)
    return string.format('%.0f', milliseconds)
end

-- Values in one string, each after its length (4 bytes, big-endian), since a reply of many takes a client long to read.
local function joined(values)
    local pieces = {}
    for _, value in ipairs(values) do
        pieces[#pieces + 1] = struct.pack('>I4', #value)
        pieces[#pieces + 1] = value
    end
    return table.concat(pieces)
end

-- All writes of a script stand between these two. Redis has them in its file as one transaction. But when it starts
-- from a file that has lost its end, Redis 7.0 cuts behind the last whole command, be it within a transaction. It does
-- not run that half; but it will when it starts again, with what was written since. Then more were opened than closed.
local function open_writes()
    call('HINCRBY', META, 'opened', 1)
end

local function close_writes()
    call('HINCRBY', META, 'closed', 1)
end

-- The same, for scripts that need no more memory: when it is full, Redis allows all writes if it allowed the first.
local function open_small_writes()
    call('HDEL', META, '')
    open_writes()
end

-- By the server's clock, in milliseconds.
local function time()
    local now = call('TIME')
    return now[1] * 1000 + math.floor(now[2] / 1000)
end

-- What this run of the server is called: another, after a restart or a failover, may have lost acknowledged writes.
local function server_run()
    return string.match(call('INFO', 'server'), 'run_id:(%x+)') or ''
end

-- Refuse keys that this version does not know how to read.
local function check_layout(me)
    local layout = call('HGET', META, 'layout')
    if not layout or not string.find(layout, '^%d+$') then
        refuse('FOREIGN', META)
    end
    if tonumber(layout) > me.layout then
        refuse('NEWER', layout)
    end
end
