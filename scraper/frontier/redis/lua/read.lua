-- What waits for a site of a unit of this worker, in order, between two bounds.
local function run(me)
    fence(me)
    check_owner(me.unit, me)
    check(PREFIX .. 'w:' .. me.unit, 'zset')
    return joined(call('ZRANGEBYLEX', PREFIX .. 'w:' .. me.unit, me.low, me.high, 'LIMIT', 0, me.number))
end
