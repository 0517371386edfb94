-- Sends the requests of the file REQUESTS, one after the other and again, for bench/wrk.py. A NUL ends each of them.
local requests, position = {}, 0

init = function(args)
   local file = assert(io.open(os.getenv("REQUESTS"), "rb"))
   for each in file:read("*a"):gmatch("[^%z]+") do
      requests[#requests + 1] = each
   end
   file:close()
end

request = function()
   position = position % #requests + 1
   return requests[position]
end
