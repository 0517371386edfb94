-- The last line that wrk prints, for bench/wrk.py: times in microseconds, except the duration.
done = function(summary, latency)
   local errors = summary.errors
   local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
   io.write(string.format('{"requests":%d,"seconds":%f,"errors":%d,"median":%f,"p99":%f}\n',
      summary.requests, summary.duration / 1e6, failed, latency:percentile(50), latency:percentile(99)))
end
