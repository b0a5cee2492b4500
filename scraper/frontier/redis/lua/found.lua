-- The oldest of what others have found for a unit of this worker.
local function run(me)
    fence(me)
    check_owner(me.unit, me)
    check(PREFIX .. 'i:' .. me.unit, 'list')
    return joined(call('LRANGE', PREFIX .. 'i:' .. me.unit, 0, me.number - 1))
end
