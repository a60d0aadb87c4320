--% include "lib/unique.lua"
--% include "lib/aside.lua"
-- An id whose job is gone. If some of its hash is left, its key is freed.
local function set_job_aside(q, id)
  free(q, read(q, id, 'unique')[1], id)
  set_aside(q, id)
end
