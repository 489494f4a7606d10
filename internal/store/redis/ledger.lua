local function less(a, b)
	if #a ~= #b then return #a < #b end
	return a < b
end
local function get(key, field) return redis.call('HGET', key, field) end
local function set(key, field, value) redis.call('HSET', key, field, value) end
local step = {}
step['0'] = function(key, field)
	if field == '' then redis.call('DEL', key)
	else redis.call('HDEL', key, 'n' .. field, 'n' .. field .. '@', 't' .. field, 'b' .. field) end
end
step['1'] = function(key, field, number)
	local done = redis.pcall('HINCRBY', key, 'n' .. field, number)
	if type(done) == 'table' and done.err then set(key, 'n' .. field, number) end
end
step['2'] = function(key, field, number)
	local old = get(key, 'n' .. field)
	if not old or less(number, old) then set(key, 'n' .. field, number) end
end
step['3'] = function(key, field, number)
	local old = get(key, 'n' .. field)
	if not old or less(old, number) then set(key, 'n' .. field, number) end
end
step['4'] = function(key, field, number, at)
	local floor, best = get(key, 'n' .. field .. '@'), nil
	if not floor or less(floor, at) then floor = at end
	for _, n in ipairs({get(key, 'n' .. field) or '0', number}) do
		if less(floor, n) and (not best or less(n, best)) then best = n end
	end
	set(key, 'n' .. field .. '@', floor)
	if best then set(key, 'n' .. field, best) else redis.call('HDEL', key, 'n' .. field) end
end
step['5'] = function(key, field, number, at, text)
	local old = get(key, 'n' .. field .. '@')
	if not old or not less(at, old) then
		set(key, 'n' .. field .. '@', at)
		set(key, 't' .. field, text)
	end
end
step['6'] = function(key, field, number, at, text)
	set(key, 'b' .. field, string.sub((get(key, 'b' .. field) or '') .. text, -64))
end
local last = redis.call('GET', KEYS[2])
if last and not less(last, ARGV[2]) then return 0 end
redis.call('SET', KEYS[2], ARGV[2])
if ARGV[3] ~= '0' then redis.call('EXPIRE', KEYS[2], ARGV[3]) end
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000000 + time[2])
local at = 4
for k = 3, #KEYS, 2 do
	local index, key = KEYS[k], KEYS[k + 1]
	local bound, id, name, steps = tonumber(ARGV[at]), ARGV[at + 1], ARGV[at + 2], tonumber(ARGV[at + 3])
	redis.call('HDEL', key, '=')
	at = at + 4
	for n = 1, steps do
		step[ARGV[at]](key, ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4])
		at = at + 5
	end
	if redis.call('EXISTS', key) == 1 then
		set(key, '=', name)
		redis.call('ZADD', index, now, id)
	else
		redis.call('ZREM', index, id)
	end
	local over = redis.call('ZCARD', index) - bound
	if bound > 0 and over > 0 then
		for _, old in ipairs(redis.call('ZRANGE', index, 0, over + math.floor(bound / 16) - 1)) do
			redis.call('DEL', index .. ':' .. old)
			redis.call('ZREM', index, old)
		end
	end
end
return 1
