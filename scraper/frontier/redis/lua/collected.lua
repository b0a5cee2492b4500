-- How far the data files are.
local function run(me)
    fence(me)
    check_owner(ITEMS, me)
    check_items()
    return {number(META, 'following', 0), call('HGET', META, 'positions') or '', number(META, 'first', 0)}
end
