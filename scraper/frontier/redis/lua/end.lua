-- Run the script, and answer with what it returned or why it refused.
local fine, answer = pcall(run, cmsgpack.unpack(ARGV[1]))
if not fine and type(answer) == 'table' and answer.refusal then
    return redis.error_reply(answer.refusal)
end
-- A command of Redis failed, which Redis 6 tells with a line number before and a dash; or this script is wrong.
if not fine then
    local text = string.gsub(tostring(answer), '%s+$', '')
    local failure = string.match(text, '^%-?(%u%u+ .+)$') or string.match(text, ': %-?(%u%u+ .+)$')
    if failure then
        return redis.error_reply(failure)
    end
    error(text, 0)
end
return answer
