-- Some of the requests that failed, from `cursor` on: number, site, URL and reason of each; and the next cursor.
local function run(me)
    check(FAILED, 'hash')
    local reply, failures = call('HSCAN', FAILED, me.cursor, 'COUNT', me.most), {}
    for index = 1, #reply[2], 2 do
        local field, record = reply[2][index], reply[2][index + 1]
        -- A list of six, of which these are the second, third and fourth; `cmsgpack` could not read the last ones.
        local fine, _, _, site, url, reason = pcall(cmsgpack.unpack_limit, record, 4, 1)
        local are_texts = type(site) == 'string' and type(url) == 'string' and type(reason) == 'string'
        if not fine or not are_texts or string.byte(record) ~= 0x96 or not string.find(field, '^%d+$') then
            refuse('BROKEN', FAILED .. ' has no failed request in ' .. field)
        end
        failures[#failures + 1] = {field, site, url, reason}
    end
    return {reply[1], failures}
end
