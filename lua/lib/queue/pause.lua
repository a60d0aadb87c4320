-- A paused queue: claims take nothing from it until the moment in the field `paused` of :meta. All other calls go on.
-- needs clock.now args.MAX_AT

local function is_paused(q)
  return q.paused and q.paused > now
end

-- ms until claims take jobs again; 0: they do; -1: not before a resume.
local function paused_for(q)
  if not is_paused(q) then return 0 end
  return q.paused < MAX_AT and q.paused - now or -1
end
