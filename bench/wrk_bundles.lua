-- For wrk: posts the lines of a file as FHIR Bundles at random, each thread in its own order; tells the result as JSON.
-- wrk -s wrk_bundles.lua URL -- FILE

local threads = 0

function setup(thread)
   threads = threads + 1
   thread:set("number", threads)
end
function init(args)
   wrk.headers["Content-Type"] = "application/fhir+json"
   bodies = {}
   for line in io.lines(args[1]) do
      bodies[#bodies + 1] = line
   end
   math.randomseed(number)
end

function request()
   return wrk.format("POST", "/fhir/identified", nil, bodies[math.random(#bodies)])
end

function done(summary, latency, requests)
   local errors = summary.errors
   io.write(string.format(
      '{"requests": %d, "seconds": %.6f, "p50_ms": %.3f, "p99_ms": %.3f, "max_ms": %.3f, '
         .. '"refused": %d, "broken": %d, "bytes": %d}\n',
      summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
      latency.max / 1e3, errors.status, errors.connect + errors.read + errors.write + errors.timeout, summary.bytes))
end
