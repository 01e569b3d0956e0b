require_relative "boot"
require "rails/all"
Bundler.require

$stdout.sync = true

# A large application of many tenants. All that differs between two tenants is their environment.
class Heavy < Rails::Application
  config.load_defaults 6.1
  config.eager_load = true
  config.cache_classes = true
  config.consider_all_requests_local = false
  config.public_file_server.enabled = true
  config.require_master_key = false
  config.assets.compile = false

  config.logger = ActiveSupport::TaggedLogging.new(ActiveSupport::Logger.new(ENV.fetch("LOG_FILE", "/dev/stdout")))
  config.log_level = ENV.fetch("LOG_LEVEL", "warn").to_sym
  config.x.event = ENV.fetch("EVENT_TITLE", "no event")

  config.cache_store = :memory_store
  config.session_store :cookie_store, key: "_heavy"
  config.active_job.queue_adapter = :async
  config.active_storage.service = :local
  config.action_cable.mount_path = "/cable"
  config.action_cable.url = File.join(ENV.fetch("RAILS_RELATIVE_URL_ROOT", "/"), "cable") # the mount knows nothing of the prefix
end
