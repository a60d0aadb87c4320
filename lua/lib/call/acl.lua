-- Redis refuses a command that the user may not run when its turn comes, and by then the script may have
-- written. So a script asks, before its first write, for every command after it, each with a key that the command
-- is for. A command without a key is not needed this time. It asks for a command once, since rights are granted by the
-- queue, and not for its first write, which is refused anyway. Redis before 7 can't be asked.
local function denied(...)
  if not redis.acl_check_cmd then return end
  local wanted = { ... }
  for i = 1, select('#', ...), 2 do
    local command, key = wanted[i], wanted[i + 1]
    if key and not redis.acl_check_cmd(command, key) then
      return 'NOPERM this user has no permission for ' .. command .. ' of ' .. key
    end
  end
end
