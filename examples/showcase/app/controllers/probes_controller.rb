# What tests ask (SHOWCASE_TEST=1 only): who answers, how long, and what arrived.
class ProbesController < ApplicationController
  def whoami
    render json: { pid: Process.pid, uid: Process.uid, database: Tenant.path, event: event.title, env: ENV.keys.sort,
                   url: request.original_url, remote_ip: request.remote_ip, request_id: request.request_id }
  end

  def download
    send_file params.require(:path), type: "text/x-probe", disposition: "attachment"
  end

  def nap
    sleep(params.fetch(:ms, 100).to_i.clamp(0, 60_000) / 1000.0)
    render plain: "#{Process.pid}\n"
  end
end
