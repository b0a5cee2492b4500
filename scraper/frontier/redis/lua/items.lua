-- Shared by all scripts: the batches of items. They are numbered from the job's begin; `first` is the oldest here, and
-- `following` the first that is not written to the data files.

local function check_items()
    check(META, 'hash')
    check(BATCHES, 'list')
    check(SIZES, 'list')
    for _, field in ipairs({'first', 'following', 'backlog', 'kept'}) do
        number(META, field, 0)
    end
    if call('LLEN', BATCHES) ~= call('LLEN', SIZES) then
        refuse('BROKEN', SIZES .. ' has not the sizes of ' .. BATCHES)
    end
end

local function sum_sizes(first, last)
    local sum = 0
    for start = first, last, PIECE do
        for _, size in ipairs(call('LRANGE', SIZES, start, math.min(start + PIECE - 1, last))) do
            sum = sum + (tonumber(size) or 0)
        end
    end
    return sum
end

-- Drop the oldest batches that are written, until all together are not larger than `keep` bytes.
local function trim(keep)
    local first, following, kept = number(META, 'first', 0), number(META, 'following', 0), number(META, 'kept', 0)
    while kept > keep and first < following do
        kept = kept - (tonumber(call('LPOP', SIZES)) or 0)
        call('LPOP', BATCHES)
        first = first + 1
    end
    call('HSET', META, 'first', first, 'kept', math.max(0, kept))
end

local function add_batch(batch, keep)
    call('RPUSH', BATCHES, batch)
    call('RPUSH', SIZES, #batch)
    call('HINCRBY', META, 'backlog', #batch)
    call('HINCRBY', META, 'kept', #batch)
    trim(keep)
end
