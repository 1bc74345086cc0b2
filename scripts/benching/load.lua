-- Requests for wrk: arguments are the kind, the token file, the users' prefix, and for `create` a first day.
-- Each thread walks through users, and through free slots of providers, so that nothing it asks for is taken.
local threads = 0
function setup(thread) thread:set("number", threads); threads = threads + 1 end

local tokens, kind, day = {}, nil, 0
local function id(space, n) return string.format("00000000-0000-7000-800%d-%012x", space, n) end

function init(args)
   kind = args[1]
   for line in io.lines(args[2]) do tokens[#tokens + 1] = line end
   bookings, day = tonumber(args[3]), tonumber(args[4])
   math.randomseed(number + day * 7)
   count = 0
end

local function headers(user) return { Authorization = "Bearer " .. tokens[user], ["Content-Type"] = "application/json" } end

local function wish(user)
   local slot = math.floor(count / 100)
   local provider = 1 + number * 100 + count % 100
   local start = day * 86400 + slot * 1800
   return string.format('{"userId":"%s","providerId":"%s","startAt":"%s","endAt":"%s","title":"Bench %d"}',
      id(1, user), id(2, provider), os.date("!%Y-%m-%dT%H:%M:%SZ", start), os.date("!%Y-%m-%dT%H:%M:%SZ", start + 1800),
      count)
end

function request()
   count = count + 1
   local user = 1 + count % #tokens
   if kind == "constant" then return wrk.format("GET", "/constant") end
   if kind == "get" then
      local n = math.random(0, bookings / 1000 - 1) * 1000 + user - 1
      return wrk.format("GET", "/bookings/" .. id(3, n), headers(user))
   end
   if kind == "floor-get" then return wrk.format("GET", "/get/" .. id(3, math.random(0, bookings - 1))) end
   if kind == "list" then return wrk.format("GET", "/bookings?when=upcoming&page=1&limit=10", headers(user)) end
   if kind == "floor-list" then return wrk.format("GET", "/list/" .. id(1, user)) end
   if kind == "floor-create" then return wrk.format("POST", "/create", headers(user), wish(user)) end
   return wrk.format("POST", "/bookings", headers(user), wish(user))
end

function done(summary, latency)
   local errors = summary.errors
   io.write(string.format('\n{"requests":%d,"seconds":%f,"p50":%f,"p99":%f,"max":%f,"refused":%d,"broken":%d}\n',
      summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
      latency.max / 1e3, errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
