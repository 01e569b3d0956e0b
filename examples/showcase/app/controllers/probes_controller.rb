# What tests ask (SHOWCASE_TEST=1 only): who answers, how long, and what arrived.
class ProbesController < ApplicationController
  skip_forgery_protection

  def whoami
    render json: { pid: Process.pid, uid: Process.uid, database: Tenant.path, event: event.title, env: ENV.keys.sort,
                   url: request.original_url, remote_ip: request.remote_ip, request_id: request.request_id }
  end

  def nap
    sleep(params.fetch(:ms, 100).to_i.clamp(0, 60_000) / 1000.0)
    render plain: "#{Process.pid}\n"
  end

  # Constant memory, whatever the size: Puma keeps a large body in a file.
  def echo
    digest = Digest::SHA256.new
    length = 0
    while (chunk = request.body.read(64 * 1024))
      digest << chunk
      length += chunk.bytesize
    end
    render json: { length: length, sha256: digest.hexdigest }
  end
end
