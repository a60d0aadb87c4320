-- What a user may not run, Redis refuses when its turn comes: too late, for by then the script has
-- written. So whatever follows the first write is asked for before it, each command with a key of
-- its own; without a key it is not needed. Redis before 7 can't be asked.
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
