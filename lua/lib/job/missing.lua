-- An id whose job is gone goes to :broken. If some of its hash is left, its unique key is freed.
-- needs job.read unique.free broken.add_broken
local function add_missing(q, id)
  local unique = unpack(read(q, id, 'unique'))
  free(q, unique, id)
  add_broken(q, id)
end
