-- Batches of items from number `first` on: as many as fit into `most` bytes, and one if there is any.
local function run(me)
    fence(me)
    check_owner(ITEMS, me)
    check_items()
    local oldest = number(META, 'first', 0)
    if me.first < oldest then
        refuse('TRIMMED', text(oldest))
    end
    local index, size, batches = me.first - oldest, 0, 0
    for _, each in ipairs(call('LRANGE', SIZES, index, index + PIECE - 1)) do
        size = size + (tonumber(each) or 0)
        if size > me.most and batches > 0 then
            break
        end
        batches = batches + 1
    end
    if batches == 0 then
        return {}
    end
    return call('LRANGE', BATCHES, index, index + batches - 1)
end
