-- How many requests wait, by site, of up to `most` sites: those of the units with most to do.
local function run(me)
    check_job()
    check_workers()
    local keys, units, counts = {FREE}, {}, {}
    for _, token in ipairs(call('ZRANGE', WORKERS, 0, -1)) do
        keys[#keys + 1] = PREFIX .. 'load:' .. token
    end
    for _, key in ipairs(keys) do
        local loads = call('ZREVRANGE', key, 0, me.most - 1, 'WITHSCORES')
        for index = 1, #loads, 2 do
            units[#units + 1] = {loads[index], tonumber(loads[index + 1])}
        end
    end
    table.sort(units, function(one, other) return one[2] > other[2] end)
    for _, unit in ipairs(units) do
        if #counts >= 2 * me.most then
            break
        end
        check_unit(unit[1])
        for _, each in ipairs(sites(unit[1], me.most - #counts / 2)) do
            counts[#counts + 1] = each
        end
    end
    return counts
end
