# Server-sent events for tests (SHOWCASE_TEST=1 only): ?count=3&ms=100. Holds a thread of Puma while it runs.
class EventStreamsController < ApplicationController
  include ActionController::Live

  def show
    response.headers["Content-Type"] = "text/event-stream"
    response.headers["Last-Modified"] = Time.now.httpdate # else Rack::ETag waits for the whole body
    events = SSE.new(response.stream)
    params.fetch(:count, 3600).to_i.times do |number|
      events.write({ number: number, pid: Process.pid })
      sleep(params.fetch(:ms, 1000).to_i / 1000.0)
    end
  rescue ActionController::Live::ClientDisconnected
    logger.info("the client left the stream")
  ensure
    response.stream.close
  end
end
