-- The records of failed requests, by their `numbers`.
local function run(me)
    check(FAILED, 'hash')
    return call('HMGET', FAILED, unpack(me.numbers))
end
