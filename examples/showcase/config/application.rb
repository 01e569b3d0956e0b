require_relative "boot"
require "rails"
require "active_model/railtie"
require "active_job/railtie"
require "active_record/railtie"
require "action_controller/railtie"
require "action_view/railtie"
require "action_cable/engine"
Bundler.require

$stdout.sync = true

# Dance events: one process and one SQLite database each. All that differs between two tenants is their environment.
class Showcase < Rails::Application
  # Tenants share a host name: without a name and a path of its own, one would be sent another's cookie.
  def self.session_options(root)
    { key: "_showcase#{root.tr("^a-zA-Z0-9", "_")}", path: root }
  end

  # What the pages are told; the mount knows nothing of the prefix.
  def self.cable_url(root)
    File.join(root, "cable")
  end

  config.load_defaults 6.1
  config.eager_load = true
  config.cache_classes = true
  config.consider_all_requests_local = false
  config.public_file_server.enabled = true
  config.action_dispatch.x_sendfile_header = ENV["SENDFILE_HEADER"] # "X-Sendfile" where [route] send_file allows it

  config.logger = ActiveSupport::TaggedLogging.new(ActiveSupport::Logger.new($stdout))
  config.log_level = ENV.fetch("LOG_LEVEL", "info").to_sym
  config.log_tags = [:request_id]

  config.session_store :cookie_store, **session_options(root = config.relative_url_root || "/")

  config.active_job.queue_adapter = ENV.key?("REDIS_URL") ? :sidekiq : :async
  config.action_cable.mount_path = "/cable"
  config.action_cable.url = cable_url(root)
end
