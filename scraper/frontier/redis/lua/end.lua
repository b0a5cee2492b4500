-- Run the script, and answer with what it returned or why it refused.
local fine, answer = pcall(run, cmsgpack.unpack(ARGV[1]))
if not fine and type(answer) == 'table' and answer.refusal then
    return redis.error_reply(answer.refusal)
end
if not fine and type(answer) == 'string' then
    error(answer, 0)
end
return answer -- a table with `err`, if a command of Redis failed
