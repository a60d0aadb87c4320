-- How luacheck looks at the scripts: `scripts/build_lua.py --lint` composes them, and says where in lua/ a finding is.
std = "lua51+redis"
stds.redis = { read_globals = { "KEYS", "ARGV", "redis" } }

-- The manifest reads what an argument means from the end of its line.
max_comment_line_length = false

-- A claim includes pieces where it begins to need them, below its arguments; their functions take those arguments
-- by the same names.
ignore = { "431/limit", "431/nonce", "431/max_crashes" }
