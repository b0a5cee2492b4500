-- The keys of jobs among some of all keys, from `cursor` on; and the cursor of the next ones, 0 at the end.
local function run(me)
    return call('SCAN', me.cursor, 'MATCH', 'scraper:{*}:meta', 'COUNT', me.most, 'TYPE', 'hash')
end
